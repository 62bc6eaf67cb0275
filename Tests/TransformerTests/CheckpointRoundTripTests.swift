import Checkpoint
import Foundation
import Numerics
import Testing

@testable import Transformer

/// What a run writes into a checkpoint must come back to the bit, or resuming changes the result.
@Suite struct CheckpointRoundTripTests {
    /// A folder that is gone when its owner is, and a model whose vectors have gaps between the tensors.
    final class World {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("moments-\(UUID().uuidString)").path
        var configuration = BertConfiguration()
        let layout: ParameterLayout

        init(labels: [String]) throws {
            configuration.vocabSize = 11
            configuration.hiddenSize = 6
            configuration.layers = 2
            configuration.heads = 2
            configuration.intermediateSize = 10
            configuration.maxPositions = 5
            configuration.labels = labels
            layout = ParameterLayout(configuration: configuration)
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        /// Any bits: negative zero, subnormals, infinities and NaNs of all kinds among them, and in the gaps, too.
        func vector(_ seed: UInt64) -> FloatBuffer {
            let buffer = FloatBuffer(count: layout.count)
            let bits = UnsafeMutableRawPointer(buffer.pointer)
            var state = seed
            for i in 0..<buffer.count {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bits.storeBytes(of: UInt32(truncatingIfNeeded: state >> 32), toByteOffset: 4 * i, as: UInt32.self)
            }
            let special: [UInt32] = [0x8000_0000, 1, 0x7F80_0000, 0xFF80_0001, 0x7FC0_1234, 0x7F80_0001]
            for (i, value) in special.enumerated() {
                bits.storeBytes(of: value, toByteOffset: 4 * i, as: UInt32.self)
            }
            return buffer
        }

        func write(weights: FloatBuffer, first: FloatBuffer?, second: FloatBuffer?) throws -> CheckpointFolder {
            func tensors(_ buffer: FloatBuffer?) -> [TensorToWrite] {
                buffer.map { WeightLoader.tensors(of: $0, layout: layout) } ?? []
            }
            return try withExtendedLifetime((weights, first, second)) {
                try CheckpointFolder.write(
                    to: path, state: TrainerState(step: 3, epoch: 0, seed: 1), configuration: configuration,
                    weights: tensors(weights), firstMoments: tensors(first), secondMoments: tensors(second),
                    tokenizerFrom: nil)
            }
        }

        /// A file of the first moments, as `change` leaves them.
        func moments(_ change: (inout [TensorToWrite]) -> Void) throws -> SafetensorsFile {
            let vector = vector(1)
            return try withExtendedLifetime(vector) {
                var tensors = WeightLoader.tensors(of: vector, layout: layout)
                for i in tensors.indices { tensors[i].name = name(.first)(tensors[i].name) }
                change(&tensors)
                try SafetensorsWriter.write(tensors, to: path + "/optimizer.safetensors")
                return try SafetensorsFile(path: path + "/optimizer.safetensors")
            }
        }

        func load(_ file: SafetensorsFile, _ moment: CheckpointFolder.Moment = .first) throws -> FloatBuffer? {
            try WeightLoader.loadMoments(file, layout: layout, name: name(moment))
        }

        private func name(_ moment: CheckpointFolder.Moment) -> (String) -> String { { moment.name(of: $0) } }

        /// The bits that must come back: those of `buffer`, zeros in the gaps.
        func expected(_ buffer: FloatBuffer) -> [UInt32] {
            let all = bits(buffer)
            var expected = [UInt32](repeating: 0, count: layout.count)
            for range in layout.parameters.map(\.range) { expected.replaceSubrange(range, with: all[range]) }
            return expected
        }
    }

    static func bits(_ buffer: FloatBuffer) -> [UInt32] {
        Array(UnsafeRawBufferPointer(buffer.elements).bindMemory(to: UInt32.self))
    }

    /// Names that `transformers` gives to two labels, those of sentence pairs, more than ten, one, and odd ones.
    static let labels = [
        ["LABEL_0", "LABEL_1"], ["not_entailment", "entailment"], ["entailment", "neutral", "contradiction"],
        (0..<12).map { "class \(11 - $0)" }, ["only"], ["a\tb", "\"é\"\n", ""],
    ]

    @Test(arguments: labels) func `weights with their head and both moments come back to the bit`(labels: [String])
        throws
    {
        let world = try World(labels: labels)
        #expect(world.layout.parameters.reduce(0) { $0 + $1.count } < world.layout.count, "there are gaps")
        let (weights, first, second) = (world.vector(1), world.vector(2), world.vector(3))
        let checkpoint = try world.write(weights: weights, first: first, second: second)
        try checkpoint.verify()
        let model = try checkpoint.model()
        let loaded = try WeightLoader.load(model, layout: world.layout, newHead: .refuse, labels: labels)
        #expect(loaded.drawn == [])
        #expect(Self.bits(loaded.weights) == world.expected(weights))
        let file = try checkpoint.openOptimizer()
        #expect(try world.load(file, .first).map(Self.bits) == world.expected(first))
        #expect(try world.load(file, .second).map(Self.bits) == world.expected(second))
        // The layout that resuming makes is that of the file.
        #expect(ParameterLayout(configuration: model.configuration).parameters == world.layout.parameters)
    }

    @Test func `a head of the same labels in another order is refused`() throws {
        let world = try World(labels: ["not_entailment", "entailment"])
        let checkpoint = try world.write(weights: world.vector(1), first: nil, second: nil)
        let message = failure {
            _ = try WeightLoader.load(
                checkpoint.model(), layout: world.layout, newHead: .refuse, labels: ["entailment", "not_entailment"])
        }
        #expect(message.contains("classifier.weight"))
    }

    @Test func `moments that an optimizer does not keep are nil`() throws {
        let world = try World(labels: ["a", "b"])
        let first = world.vector(2)
        let momentum = try world.write(weights: world.vector(1), first: first, second: nil).openOptimizer()
        #expect(try world.load(momentum, .first).map(Self.bits) == world.expected(first))
        #expect(try world.load(momentum, .second) == nil)
        let plain = try world.write(weights: world.vector(1), first: nil, second: nil).openOptimizer()
        #expect(try world.load(plain, .first) == nil)
    }

    @Test(arguments: [0, 7, -1]) func `one moment that is missing is named`(place: Int) throws {
        let world = try World(labels: ["a", "b"])
        var name = ""
        let file = try world.moments { name = $0.remove(at: place < 0 ? $0.count - 1 : place).name }
        #expect(name.hasPrefix("first_moment."))
        #expect(failure { _ = try world.load(file) } == "\(file.path): there is no tensor \(name)")
    }

    @Test func `a moment of another shape or type is named`() throws {
        let world = try World(labels: ["a", "b"])
        let turned = try world.moments { $0[0].shape.reverse() }
        #expect(
            failure { _ = try world.load(turned) }
                == "\(turned.path): tensor first_moment.classifier.weight has shape [6, 2], but the model calls for "
                + "[2, 6]")
        // Half as many bytes, so the size agrees with the shape. Converting would lose what resuming needs.
        let half = try world.moments {
            $0[0].dtype = .bf16
            $0[0].data = UnsafeRawBufferPointer(rebasing: $0[0].data.prefix($0[0].data.count / 2))
        }
        #expect(
            failure { _ = try world.load(half) }
                == "\(half.path): tensor first_moment.classifier.weight has type BF16, must be F32")
    }

    /// The description of the error that `body` must throw.
    func failure(_ body: () throws -> Void, _ location: SourceLocation = #_sourceLocation) -> String {
        do {
            try body()
            Issue.record("no error", sourceLocation: location)
            return ""
        } catch {
            #expect(error is TransformerError, sourceLocation: location)
            return "\(error)"
        }
    }
}

private func bits(_ buffer: FloatBuffer) -> [UInt32] { CheckpointRoundTripTests.bits(buffer) }
