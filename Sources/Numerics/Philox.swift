/// The counter-based generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2,
/// 3", SC 2011): a pure function from a 128-bit counter and a 64-bit key to 128 random bits.
///
/// Every evaluation for the same key and counter gives the same bits; that is what lets any worker compute any
/// micro-batch.
public struct Philox: Sendable {
    /// The key, usually the run's seed.
    public let key: SIMD2<UInt32>

    /// A generator with the 64-bit key `seed`.
    public init(seed: UInt64) {
        key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    }

    /// The four random words of `counter`.
    public func callAsFunction(_ counter: SIMD4<UInt32>) -> SIMD4<UInt32> {
        var c = counter
        var k = key
        for round in 0..<10 {
            if round > 0 { k = k &+ SIMD2(0x9E37_79B9, 0xBB67_AE85) }
            let first = UInt64(0xD251_1F53) * UInt64(c.x)
            let second = UInt64(0xCD9E_8D57) * UInt64(c.z)
            c = SIMD4(
                UInt32(truncatingIfNeeded: second >> 32) ^ c.y ^ k.x, UInt32(truncatingIfNeeded: second),
                UInt32(truncatingIfNeeded: first >> 32) ^ c.w ^ k.y, UInt32(truncatingIfNeeded: first))
        }
        return c
    }
}

/// What a stream of random numbers is for. The values are part of what makes a run repeatable: never renumber them.
public enum RandomPurpose: UInt32, Sendable {
    /// The order of samples in an epoch.
    case shuffle = 1
    /// New weights of heads.
    case initialization = 2
    /// Which examples `--shots` draws.
    case shots = 3
    /// Which examples a held-out share takes.
    case split = 4
    /// Dropout masks; the low half of the word names the site.
    case dropout = 5
    /// Which tokens a masked language model is to guess.
    case masking = 6
    /// The folds of a cross-validation.
    case folds = 7
    /// Which texts are paired to be compared.
    case pairs = 8
}

/// A sequential view of ``Philox`` for one purpose and one stream number (an epoch, a tensor, a class).
public struct PhiloxStream: RandomNumberGenerator, Sendable {
    private let philox: Philox
    private let purpose: UInt32
    private let stream: UInt32
    private var block: UInt64 = 0
    private var words: SIMD4<UInt32> = .zero
    private var left = 0

    /// The stream numbered `stream` among those of `purpose`, keyed by `seed`.
    public init(seed: UInt64, purpose: RandomPurpose, stream: UInt32 = 0) {
        philox = Philox(seed: seed)
        self.purpose = purpose.rawValue
        self.stream = stream
    }

    /// One of the streams numbered `stream`, of which there is one for each round, an epoch for instance. A stream that
    /// is made without a round is that of round 0.
    public init(seed: UInt64, purpose: RandomPurpose, stream: UInt32, round: UInt32) {
        self.init(seed: seed, purpose: purpose, stream: stream)
        block = UInt64(round) << 32
    }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        if left == 0 {
            words = philox(
                SIMD4(UInt32(truncatingIfNeeded: block), UInt32(truncatingIfNeeded: block >> 32), stream, purpose))
            block += 1
            left = 2
        }
        left -= 1
        return left == 1 ? UInt64(words.x) | UInt64(words.y) << 32 : UInt64(words.z) | UInt64(words.w) << 32
    }

    /// A uniform integer in `0..<bound`, without bias (Lemire, "Fast random integer generation in an interval", 2019).
    public mutating func next(below bound: Int) -> Int {
        precondition(bound > 0, "an interval needs at least one number")
        let bound = UInt64(bound)
        var product = next().multipliedFullWidth(by: bound)
        if product.low < bound {
            let threshold = (0 &- bound) % bound
            while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
        }
        return Int(product.high)
    }

    /// A uniform number in [0, 1), a multiple of 2^-53.
    public mutating func nextUnit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Fisher-Yates over `values`.
    public mutating func shuffle<T>(_ values: inout [T]) {
        guard values.count > 1 else { return }
        for i in stride(from: values.count - 1, to: 0, by: -1) {
            values.swapAt(i, next(below: i + 1))
        }
    }
}
