import CKernels
import Foundation
import Numerics

/// The loss of FastFit (Yehudai and Bandel, "When LLMs are unfazed by many classes: FastFit", 2024) over all sequences
/// of a step: the supervised contrastive loss of Khosla et al. (2020) with a similarity of tokens.
///
/// The sequences are texts and what their classes are called. With the rows v of their tokens, of length 1, how alike
/// sequence j is to sequence i is `s(i, j) = 1 / |i| * sum(t in i) max(u in j) v_t . v_u`: the tokens of i look for
/// their likes among those of j. With the temperature t and P(i) the other sequences of the class of sequence i, the
/// loss is the sum over the sequences i that have such of
/// `-1 / |P(i)| * sum(p in P(i)) log(exp(s(i, p) / t) / sum(a != i) exp(s(i, a) / t))`.
public struct TokenContrastive: Objective {
    /// See ``Objective``.
    public static let kind = "token-contrastive"
    /// The other sequences of the step are what a sequence is compared with.
    public static let scope = LossScope.step
    /// What similarities are divided by, above 0.
    public var temperature: Double

    /// The temperature of FastFit.
    public static let usualTemperature = 0.07

    /// The loss with this temperature.
    public init(temperature: Double = usualTemperature) { self.temperature = temperature }

    /// A head of embeddings of tokens.
    public func validate(head: any Head) throws(ModelError) {
        guard head is TokenEmbedding else {
            throw .invalidModel("its objective compares embeddings of tokens, its head makes none")
        }
        guard temperature > 0, temperature.isFinite else {
            throw .invalidModel("a contrastive temperature is \(temperature), must be above 0")
        }
    }

    /// A class for each sequence.
    public func validate(_ targets: Targets) throws(ModelError) {
        guard case .classes = targets else { throw .invalidBatch("no classes of texts to compare") }
    }

    /// The number of sequences, those without another one of their class included.
    public func weight(of targets: Targets) -> Double {
        guard case .classes(let classes) = targets else { return 0 }
        return Double(classes.count)
    }

    /// The sum over the sequences, whose rows are told apart by the offsets of the outputs.
    public func evaluate(_ outputs: Outputs, _ targets: Targets, withGradient: Bool) -> Double {
        guard case .classes(let classes) = targets, let offsets = outputs.offsets,
            offsets.count == classes.count + 1
        else { return .nan }
        let likes = TokenLikes(outputs, offsets)
        let count = classes.count
        var sum = 0.0
        // The gradient by each similarity.
        var slopes = [Double](repeating: 0, count: withGradient ? count * count : 0)
        for anchor in 0..<count {
            sum += term(anchor, likes, classes, &slopes)
        }
        if withGradient { likes.write(slopes, to: outputs) }
        return sum
    }

    /// The loss of one sequence; its gradient by the similarities is written, where there is room for it.
    private func term(_ anchor: Int, _ likes: TokenLikes, _ classes: [Int32], _ slopes: inout [Double]) -> Double {
        let count = classes.count
        let positives = classes.indices.count { $0 != anchor && classes[$0] == classes[anchor] }
        guard positives > 0 else { return 0 }
        let logits = classes.indices.map {
            $0 == anchor ? -.infinity : likes.similarity(anchor, $0) / temperature
        }
        let greatest = logits.max() ?? 0
        let normalizer = greatest + log(logits.reduce(0) { $0 + exp($1 - greatest) })
        let share = 1 / Double(positives)
        var loss = 0.0
        for other in 0..<count where other != anchor {
            let isPositive = classes[other] == classes[anchor]
            if isPositive { loss += share * (normalizer - logits[other]) }
            guard !slopes.isEmpty else { continue }
            // By the logit: its softmax less its share of the target.
            slopes[anchor * count + other] =
                (exp(logits[other] - normalizer) - (isPositive ? share : 0)) / temperature
        }
        return loss
    }

    /// 0 for each sequence of finite rows: of a micro-batch alone the loss says nothing.
    public func losses(_ outputs: OutputRows, _ targets: Targets) -> [Double] {
        guard case .classes(let classes) = targets else { return [] }
        let isFinite = (0..<outputs.rows).allSatisfy { outputs.row($0).allSatisfy(\.isFinite) }
        return classes.map { _ in isFinite ? 0 : .nan }
    }
}

/// For each token and each sequence, which token of the sequence is most like it. T: tokens, S: sequences.
private struct TokenLikes {
    /// (T, width).
    private let rows: UnsafePointer<Float>
    private let width: Int
    /// S + 1.
    private let offsets: [Int]
    /// (T, S): the most alike token of the sequence, the first of several.
    private var best: [Int32]
    /// (S, S): the mean over the tokens of the first sequence.
    private var similarities: [Double]

    private var sequences: Int { offsets.count - 1 }

    /// Rows of the product at a time, so that it takes little memory.
    private static let blockRows = 64

    init(_ outputs: Outputs, _ offsets: [Int]) {
        rows = UnsafePointer(outputs.values)
        (width, self.offsets) = (outputs.width, offsets)
        let (tokens, sequences) = (outputs.rows, offsets.count - 1)
        best = [Int32](repeating: 0, count: tokens * sequences)
        similarities = [Double](repeating: 0, count: sequences * sequences)
        let products = FloatBuffer(count: Self.blockRows * tokens)
        let matmul = Matmul()
        var sequence = 0
        for first in stride(from: 0, to: tokens, by: Self.blockRows) {
            let count = min(Self.blockRows, tokens - first)
            matmul.multiply(
                transposeB: true, m: count, n: tokens, k: width, a: rows + first * width, lda: width, b: rows,
                ldb: width, c: products.pointer, ldc: tokens)
            for row in 0..<count {
                let token = first + row
                while token >= offsets[sequence + 1] { sequence += 1 }
                let share = 1 / Double(offsets[sequence + 1] - offsets[sequence])
                let likes = products.pointer + row * tokens
                for other in 0..<sequences {
                    var found = offsets[other]
                    for candidate in (offsets[other] + 1)..<max(offsets[other + 1], offsets[other] + 1)
                    where likes[candidate] > likes[found] || likes[candidate].isNaN { found = candidate }
                    best[token * sequences + other] = Int32(truncatingIfNeeded: found)
                    similarities[sequence * sequences + other] += share * Double(likes[found])
                }
            }
        }
    }

    /// How alike `other` is to `anchor`.
    func similarity(_ anchor: Int, _ other: Int) -> Double { similarities[anchor * sequences + other] }

    /// Writes the gradient by the rows, where that by the similarities is `slopes`: each is a mean of products of two
    /// rows.
    func write(_ slopes: [Double], to outputs: Outputs) {
        var gradient = [Double](repeating: 0, count: outputs.rows * width)
        gradient.withUnsafeMutableBufferPointer { gradient in
            guard let gradient = gradient.baseAddress else { return }
            for anchor in 0..<sequences {
                let tokens = offsets[anchor]..<offsets[anchor + 1]
                for token in tokens {
                    for other in 0..<sequences where other != anchor {
                        let slope = slopes[anchor * sequences + other] / Double(tokens.count)
                        guard slope != 0 else { continue }
                        let like = Int(best[token * sequences + other])
                        shoal_add_scaled(gradient + token * width, rows + like * width, slope, width)
                        shoal_add_scaled(gradient + like * width, rows + token * width, slope, width)
                    }
                }
            }
        }
        for place in gradient.indices { outputs.gradient[place] = Float(gradient[place]) }
    }
}
