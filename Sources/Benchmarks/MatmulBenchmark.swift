import Modeling
import Numerics
import Support
import Synchronization

/// What this machine's matrix products reach in the shapes of a model: the roofline.
public struct MatmulBenchmark: Sendable {
    /// Hidden and feed-forward width of the model.
    public var hidden, intermediate: Int
    /// Rows: the tokens of a micro-batch.
    public var tokens: Int

    /// The shapes of a model for micro-batches of `tokens` tokens.
    public init(encoder: EncoderArchitecture, tokens: Int) {
        hidden = encoder.hidden
        intermediate = encoder.layers.map(\.intermediate).max() ?? 0
        self.tokens = tokens
    }

    private struct Product {
        var name: String
        var m, n, k: Int
        var transposeA = false
        var transposeB = false
    }

    private var products: [Product] {
        let layers =
            [("qkv", 3 * hidden, hidden), ("attention output", hidden, hidden)]
            + [("intermediate", intermediate, hidden), ("output", hidden, intermediate)]
        return layers.flatMap { name, outputs, inputs in
            [
                Product(name: "\(name), forward", m: tokens, n: outputs, k: inputs, transposeB: true),
                Product(name: "\(name), input gradient", m: tokens, n: inputs, k: outputs),
                Product(name: "\(name), weight gradient", m: outputs, n: inputs, k: tokens, transposeA: true),
            ]
        }
    }

    /// One row a product: its shape, and what one thread reaches of it.
    public func table(_ precisions: [Precision]) -> TextTable {
        var table = TextTable(columns: ["product", "m", "n", "k", "precision", "gflops"])
        for precision in precisions {
            for product in products {
                table.add([
                    .text(product.name), .number(Double(product.m), decimals: 0),
                    .number(Double(product.n), decimals: 0), .number(Double(product.k), decimals: 0),
                    .text(precision.rawValue), .number(rate(product, precision) * 1e-9, decimals: 1),
                ])
            }
        }
        return table
    }

    /// FLOP/s of `threads` threads side by side, each with the product that is fastest: the peak that others are
    /// compared with.
    public func peak(_ precision: Precision, threads: Int) throws -> Double {
        let total = Mutex(0.0)
        try ThreadTeam(count: threads).run { _ in
            var best = 0.0
            for product in products { best = max(best, rate(product, precision)) }
            total.withLock { $0 += best }
        }
        return total.withLock { $0 }
    }

    private func rate(_ product: Product, _ precision: Precision) -> Double {
        switch precision {
        case .float32: rate(product, Float(0.01))
        case .bf16: rate(product, BFloat16(0.01))
        }
    }

    private func rate<Element: MatrixElement>(_ product: Product, _ value: Element) -> Double {
        let (m, n, k) = (product.m, product.n, product.k)
        let a = [Element](repeating: value, count: m * k)
        let b = [Element](repeating: value, count: n * k)
        var c = [Float](repeating: 0, count: m * n)
        let matmul = Matmul()
        let seconds = Stopwatch.least {
            matmul.multiply(
                transposeA: product.transposeA, transposeB: product.transposeB, m: m, n: n, k: k, a: a,
                lda: product.transposeA ? m : k, b: b, ldb: product.transposeB ? k : n, c: &c, ldc: n)
        }
        return 2 * Double(m) * Double(n) * Double(k) / seconds
    }
}
