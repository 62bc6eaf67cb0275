import Checkpoint
import Numerics
import TestSupport
import Testing

@testable import Modeling

/// Models of every family of which a part is trained.
@Suite struct FamilyPartsTests {
    private static let names = FamilyReference.names

    private let dropout = DropoutPlan(
        seed: 9, step: 3, hidden: DropoutRate(0.2), attention: DropoutRate(0.3), head: DropoutRate(0.1),
        adapter: DropoutRate(0.25))

    /// The same model with another part trained.
    private func reference(_ name: String, _ change: (inout ModelSpecification) -> Void) throws -> FamilyReference {
        let reference = try FamilyReference(name, change)
        // B of a new adapter is zero, and leaves A without a gradient.
        for parameter in reference.layout.parameters {
            guard case .layer(_, _, .lowRankB) = parameter.id else { continue }
            let part = UnsafeMutableBufferPointer(
                start: reference.loaded.weights.pointer + parameter.offset, count: parameter.count)
            WeightLoader.drawNormal(part, deviation: 0.2, seed: 4, stream: parameter.id.initializationStream)
        }
        return reference
    }

    @Test(arguments: names)
    func `what is trained has the gradient that it has where all is trained`(name: String) throws {
        let whole = try FamilyReference(name)
        let all = try whole.gradient(whole.model(), dropout: dropout)
        let last = whole.specification.encoder.layers.count - 1
        let sets: [TrainableSet] = [
            .only([.head, .layer(last)]), .only([.layer(0)]), .only([.layer(last)]), .only([.words]),
            .only([.positions]), .only([.layer(0), .words]),
        ]
        for set in sets {
            let part = try reference(name) { $0.trainable = set }
            for recomputes in [false, true] {
                let some = try part.gradient(part.model(recomputes: recomputes), dropout: dropout)
                #expect(some.loss == all.loss)
                for parameter in part.layout.trainable {
                    let same = try #require(whole.layout.parameters.first { $0.id == parameter.id })
                    #expect(
                        some.values[parameter.range].elementsEqual(all.values[same.range]), "\(set) \(parameter.id)")
                }
            }
            #expect(part.layout.trainableCount > 0 && part.layout.trainableCount < whole.layout.trainableCount)
        }
    }

    private func adapter(_ family: any ModelFamily.Type) -> LowRankAdapter {
        LowRankAdapter(rank: 3, alpha: 4, dropout: 0.25, targets: Set(AdapterNames(family: family).targets))
    }

    @Test(arguments: names)
    func `gradients of an adapter equal finite differences`(name: String) throws {
        let adapter = adapter(try FamilyReference(name).folder.family)
        let reference = try reference(name) {
            $0.adapter = adapter
            $0.trainable = .besideAdapter($0.head)
        }
        let (model, weights) = (reference.model(), reference.loaded.weights)
        let (gradient, _) = try reference.gradient(model, dropout: dropout)
        let again = try reference.gradient(reference.model(recomputes: true), dropout: dropout)
        #expect(gradient == again.values)
        var random = PhiloxStream(seed: 1, purpose: .shuffle)
        #expect(reference.layout.trainable.contains { $0.id.isOfAdapter })
        for parameter in reference.layout.trainable {
            let direction = (0..<parameter.count).map { _ in random.next(below: 2) == 0 ? Float(-1) : 1 }
            let saved = parameter.range.map { weights.pointer[$0] }
            func loss(_ step: Float) throws -> Double {
                for (i, at) in parameter.range.enumerated() { weights.pointer[at] = saved[i] + step * direction[i] }
                defer { for (i, at) in parameter.range.enumerated() { weights.pointer[at] = saved[i] } }
                return try reference.gradient(model, dropout: dropout).loss
            }
            let difference = try (loss(2e-4) - loss(-2e-4)) / 4e-4
            let expected = zip(gradient[parameter.range], direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            let squares = gradient[parameter.range].reduce(0) { $0 + Double($1) * Double($1) }
            #expect(
                abs(difference - expected) < 1e-2 * max(squares.squareRoot(), 1), "\(parameter.id): \(difference)")
        }
    }

    /// Of each head, in names that `peft` has for it.
    @Test(arguments: names)
    func `an adapter that is written is read for its task, and merged`(name: String) throws {
        let adapter = adapter(try FamilyReference(name).folder.family)
        let reference = try reference(name) {
            $0.adapter = adapter
            $0.trainable = .besideAdapter($0.head)
        }
        let (folder, weights, layout) = (reference.folder, reference.loaded.weights, reference.layout)
        // Whatever the head was.
        for parameter in layout.trainable { weights.pointer[parameter.offset] += 1 }
        var configuration = folder.configuration
        let hasLabels = configuration.purpose.hasLabels
        if hasLabels { configuration.labels = configuration.labels.map { "a label, \($0)" } }
        let scratch = try Scratch()
        let path = scratch.file("adapter")
        try AdapterFolder.write(
            to: path, reference.specification, layout, weights: weights, configuration: configuration, base: "base")
        let read = try AdapterFolder(path: path, for: folder.configuration)
        #expect(read.adapter == adapter && read.purpose == configuration.purpose)
        #expect(read.labels == (hasLabels ? configuration.labels : nil) && read.labelsNotice(of: configuration) == nil)
        let merged = try read.merged(into: folder)
        #expect(merged.configuration.purpose == configuration.purpose)
        let wanted = LowRankMerge.merged(weights, layout)
        #expect(merged.layout.parameters.count == LowRankMerge.merged(layout).count)
        for parameter in merged.layout.parameters {
            let place = try #require(layout.parameters.first { $0.id == parameter.id })
            #expect(
                parameter.range.map { merged.weights.pointer[$0] } == place.range.map { wanted.pointer[$0] },
                "\(parameter.id)")
        }
        // A masked language model's head stays as it is, and is not in the folder.
        let tensors = try SafetensorsFile(path: path + "/adapter_model.safetensors").tensors.keys
        let hasHead = configuration.purpose.classSuffix != nil && !reference.specification.head.tiesWords
        #expect(tensors.contains { !$0.contains(".lora_") } == hasHead)
    }

    /// A description of a model comes to a worker from outside.
    @Test(arguments: [
        (#""window":3"#, #""window":-1"#), (#""heads":2"#, #""heads":4"#), (#""heads":2"#, #""heads":16"#),
        (#""normalization":"pre""#, #""normalization":"none""#), (#""activation":"geglu""#, #""activation":"swiglu""#),
        (#""globalBase":160000"#, #""globalBase":0.5"#), (#""globalBase":160000"#, #""globalBase":1e13"#),
        (#""length":40"#, #""length":0"#), (#""pooling":"cls""#, #""pooling":"last""#),
        (#""epsilon":"#, #""epsilon":-"#),
    ])
    func `a description that is changed is refused`(found: String, wrong: String) throws {
        let json = try FamilyReference("modernbert-classes").specification.json()
        #expect(json.contains(found), "\(json)")
        #expect(throws: ModelError.self) { try ModelSpecification(json: json.replacing(found, with: wrong)) }
    }

    @Test(arguments: [
        (#""buckets":32"#, #""buckets":30"#), (#""buckets":32"#, #""buckets":0"#),
        (#""buckets":32"#, #""buckets":131072"#), (#""max_distance":128"#, #""max_distance":8"#),
        (#""offset":2"#, #""offset":92"#), (#""offset":2"#, #""offset":-1"#),
        (#""embedding_width":8"#, #""embedding_width":0"#), (#""activation":"gelu""#, #""activation":"GELU""#),
    ])
    func `a description of another family that is changed is refused`(found: String, wrong: String) throws {
        let name = found.contains("embedding_width") ? "electra-classes" : "mpnet-classes"
        let json = try FamilyReference(name).specification.json()
        #expect(json.contains(found), "\(json)")
        #expect(throws: ModelError.self) { try ModelSpecification(json: json.replacing(found, with: wrong)) }
    }
}
