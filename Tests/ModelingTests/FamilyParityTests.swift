import Checkpoint
import Foundation
import Numerics
import Support
import TestSupport
import Testing

@testable import Modeling

/// Every family and head against `transformers` (``FamilyReference``), and against itself.
@Suite struct FamilyParityTests {
    private static let names = FamilyReference.names
    /// `SHOAL_PARITY` adds a folder of any size, as made by Fixtures/export_real_parity.py.
    private static let cases = names + (ProcessInfo.processInfo.environment["SHOAL_PARITY"].map { [$0] } ?? [])

    /// The Euclidean norm of `a`, or of its difference to `b`.
    private func norm(_ a: some Collection<Float>, _ b: (some Collection<Float>)? = [Float]?.none) -> Double {
        let differences = b.map { zip(a, $0).map { Double($0) - Double($1) } } ?? a.map { Double($0) }
        return differences.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }

    private let dropout = DropoutPlan(
        seed: 42, step: 6, hidden: DropoutRate(0.2), attention: DropoutRate(0.3), head: DropoutRate(0.1))

    @Test func `all references are there`() {
        #expect(Self.names.count == 27)
        let families = Set(Self.names.map { $0.prefix { $0 != "-" } })
        #expect(families == ["distilbert", "roberta", "xlm", "camembert", "electra", "mpnet", "modernbert"])
    }

    @Test(arguments: cases)
    func `logits, loss and every gradient equal the reference`(name: String) throws {
        let reference = try FamilyReference(name)
        #expect(reference.loaded.unused.isEmpty && reference.loaded.drawn.isEmpty)
        let model = reference.model()
        let logits = try reference.floats("logits")
        let outputs = model.outputs(reference.batch)
        #expect(outputs.count == logits.count && !logits.isEmpty)
        let error = zip(outputs, logits).map { abs($0 - $1) }.max() ?? .nan
        #expect(error < 1e-4)

        let (gradient, loss) = try reference.gradient(model)
        let divisor = reference.divisor
        #expect(abs(loss / divisor - Double(try reference.floats("loss")[0])) < 1e-5)
        #expect(reference.stored.count == reference.file.tensors.keys.count { $0.hasPrefix("grad.") })
        for parameter in reference.stored {
            let expected = try reference.expectedGradient(parameter)
            let found = gradient[parameter.range].map { $0 / Float(divisor) }
            #expect(found.count == expected.count)
            // The gradient of a key's bias is zero but for rounding: softmax does not see a constant.
            #expect(norm(found, expected) <= 1e-3 * norm(expected) + 1e-6, "\(reference.name(parameter))")
        }
    }

    @Test(arguments: TokenPooling.allCases)
    func `rows of a bare encoder equal the reference`(pooling: TokenPooling) throws {
        let reference = try FamilyReference("mpnet-encoder")
        var specification = reference.specification
        let width = specification.encoder.hidden
        specification.head = SentenceEmbedding(width: width, pooling: pooling, normalizes: false)
        let weights = ModelWeights(master: reference.loaded.weights, layout: reference.layout, precision: .float32)
        let found = Model(specification, layout: ParameterLayout(specification), weights: weights)
            .outputs(reference.batch)
        let rows = try reference.floats("last_hidden_state")
        #expect(rows.count == reference.batch.tokenCount * width)
        for s in 0..<reference.batch.sequenceCount {
            let range = Int(reference.batch.offsets[s])..<Int(reference.batch.offsets[s + 1])
            for c in 0..<width {
                let column = range.map { rows[$0 * width + c] }
                let sum = column.reduce(0, +)
                let expected =
                    switch pooling {
                    case .first: column[0]
                    case .mean: sum / Float(column.count)
                    case .max: column.max() ?? .nan
                    case .meanSquareRoot: sum / Float(column.count).squareRoot()
                    }
                #expect(abs(found[s * width + c] - expected) < 1e-4)
            }
        }
    }

    // MARK: - folders

    @Test(arguments: names)
    func `a folder that is written has the names, values and entries of the one that was read`(name: String) throws {
        let reference = try FamilyReference(name)
        let scratch = try Scratch()
        let configuration = reference.folder.configuration
        let tensors = WeightLoader.tensors(
            of: reference.loaded.weights, layout: reference.layout, family: reference.folder.family)
        try withExtendedLifetime(reference) {
            try ModelFolder.write(
                to: scratch.file("m"), configuration: configuration, tensors: tensors, tokenizerFrom: nil)
        }
        let source = try SafetensorsFile(path: reference.folder.path + "/model.safetensors")
        let written = try SafetensorsFile(path: scratch.file("m/model.safetensors"))
        if configuration.purpose.classSuffix == nil {
            // A bare encoder gets the family's prefix, and loses its pooler.
            let expected = source.tensors.keys.filter { !$0.hasPrefix("pooler.") }.map { "mpnet." + $0 }
            #expect(Set(written.tensors.keys) == Set(expected))
        } else {
            #expect(Set(written.tensors.keys) == Set(source.tensors.keys))
            for (name, tensor) in source.tensors {
                #expect(written.tensors[name]?.shape == tensor.shape, "\(name)")
                let same = try source.withBytes(of: name) { bytes in
                    try written.withBytes(of: name) { $0.elementsEqual(bytes) }
                }
                #expect(same, "\(name)")
            }
        }

        let again = try ModelFolder(path: scratch.file("m"))
        #expect(again.configuration.model == configuration.model)
        #expect(again.configuration.purpose == configuration.purpose)
        #expect(again.configuration.json() == configuration.json())
        let layout = ParameterLayout(reference.specification)
        let loaded = try WeightLoader.load(again, reference.specification, layout: layout, missingHead: .fail)
        #expect(loaded.unused.isEmpty && loaded.drawn.isEmpty)
        #expect(loaded.weights.elements.elementsEqual(reference.loaded.weights.elements))

        // Nothing that `transformers` wrote is lost or changed, but what is of the file and not of the model.
        let old = try entries(reference.folder.configurationPath)
        let new = try entries(scratch.file("m/config.json"))
        var ignored: Set<String> = [
            "transformers_version", "dtype", "torch_dtype", "is_decoder", "add_cross_attention",
        ]
        if !configuration.purpose.hasLabels { ignored.formUnion(["id2label", "label2id"]) }
        for (key, value) in old where !ignored.contains(key) {
            guard key != "local_attention" else {
                // Half of it counts, rounded down.
                #expect(try #require(new[key]?.integer) / 2 == #require(value.integer) / 2)
                continue
            }
            #expect(same(new[key], value), "\(key): \(value.text) became \(new[key]?.text ?? "nothing")")
        }
    }

    private func entries(_ path: String) throws -> [String: JSONValue] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        return try #require(try data.withUnsafeBytes { try JSONValue(parsing: $0) }.object).dictionary
    }

    /// Whether two values say the same: the order of keys does not count.
    private func same(_ a: JSONValue?, _ b: JSONValue?) -> Bool {
        guard let one = a?.object?.dictionary, let other = b?.object?.dictionary else { return a == b }
        return one.count == other.count && one.allSatisfy { same($0.value, other[$0.key]) }
    }

    @Test(arguments: names)
    func `a model travels as JSON`(name: String) throws {
        let reference = try FamilyReference(name)
        let json = reference.specification.json()
        let back = try ModelSpecification(json: json)
        #expect(back.json() == json && back.encoder == reference.specification.encoder)
        #expect(ParameterLayout(back).parameters == reference.layout.parameters)
    }

    // MARK: - against itself

    @Test(arguments: names)
    func `gradients equal finite differences with dropout`(name: String) throws {
        let reference = try FamilyReference(name)
        let model = reference.model()
        let weights = reference.loaded.weights
        let (gradient, _) = try reference.gradient(model, dropout: dropout)
        var random = PhiloxStream(seed: 1, purpose: .shuffle)
        for parameter in reference.layout.parameters {
            // Along a random direction, so that every number of the tensor counts.
            let direction = (0..<parameter.count).map { _ in random.next(below: 2) == 0 ? Float(-1) : 1 }
            let saved = parameter.range.map { weights.pointer[$0] }
            func loss(_ step: Float) throws -> Double {
                for (i, at) in parameter.range.enumerated() { weights.pointer[at] = saved[i] + step * direction[i] }
                defer { for (i, at) in parameter.range.enumerated() { weights.pointer[at] = saved[i] } }
                return try reference.gradient(model, dropout: dropout).loss
            }
            // Longer ones get across the kinks of ReLU.
            let step: Float = 2e-4
            let difference = try (loss(step) - loss(-step)) / Double(2 * step)
            let expected = zip(gradient[parameter.range], direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            let scale = max(norm(gradient[parameter.range]), 1)
            #expect(abs(difference - expected) < 1e-2 * scale, "\(reference.name(parameter)): \(difference)")
        }
    }

    @Test(arguments: names, Precision.allCases.filter { $0.unsupportedReason == nil })
    func `what is computed again has the same bits`(name: String, precision: Precision) throws {
        let reference = try FamilyReference(name)
        let (kept, again) = (reference.model(precision), reference.model(precision, recomputes: true))
        // The second time in memory that holds the numbers of the first.
        for dropout in [nil, dropout, nil] {
            let (one, other) = try (
                reference.gradient(kept, dropout: dropout), reference.gradient(again, dropout: dropout)
            )
            #expect(one.loss == other.loss && one.values == other.values)
            #expect(one.values.contains { $0 != 0 } && one.values.allSatisfy(\.isFinite))
        }
        #expect(kept.outputs(reference.batch) == again.outputs(reference.batch))
    }

    /// Sequences do not see each other: each has the outputs that it has alone, whichever others there are.
    @Test(arguments: names)
    func `a sequence has the same outputs alone`(name: String) throws {
        let reference = try FamilyReference(name)
        let (model, batch) = (reference.model(), reference.batch)
        guard !reference.specification.head.isPerToken else { return }
        let width = reference.specification.head.outputWidth
        let all = model.outputs(batch)
        for s in 0..<batch.sequenceCount {
            let range = Int(batch.offsets[s])..<Int(batch.offsets[s + 1])
            var one = PackedBatch()
            one.append(
                tokenIDs: Array(batch.tokenIDs[range]), typeIDs: Array(batch.typeIDs[range]),
                sampleKey: batch.sampleKeys[s])
            let alone = model.outputs(one)
            #expect(zip(alone, all[(s * width)..<((s + 1) * width)]).allSatisfy { abs($0 - $1) < 1e-5 })
        }
    }

    @Test(.enabled(if: Matmul.hasBFloat16, "this processor multiplies no bfloat16"), arguments: names)
    func `bf16 gives the gradients of float32, nearly`(name: String) throws {
        let reference = try FamilyReference(name)
        let (exact, rounded) = try (
            reference.gradient(reference.model()), reference.gradient(reference.model(.bf16))
        )
        let outputs = (reference.model().outputs(reference.batch), reference.model(.bf16).outputs(reference.batch))
        #expect(norm(outputs.0, outputs.1) < 0.03 * norm(outputs.0) && outputs.0 != outputs.1)
        let whole = norm(exact.values)
        #expect(norm(exact.values, rounded.values) < 0.04 * whole)
        for parameter in reference.layout.parameters {
            let (a, b) = (exact.values[parameter.range], rounded.values[parameter.range])
            // The gradient of a key's bias is zero but for rounding.
            #expect(norm(a, b) < 0.1 * norm(a) + 1e-3 * whole, "\(reference.name(parameter))")
        }
    }
}
