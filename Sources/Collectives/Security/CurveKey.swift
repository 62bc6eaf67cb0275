import CZeroMQ
import Foundation
import Support

/// A public key of CURVE: 32 bytes (a point of Curve25519), by which its owner is known.
public struct CurvePublicKey: Sendable, Hashable, CustomStringConvertible {
    /// The number of bytes of a key.
    public static let byteCount = 32

    /// The key.
    public let bytes: [UInt8]

    /// nil unless there are 32 bytes.
    public init?(bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes)
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// The key in 64 hexadecimal digits; nil if `text` is anything else.
    public init?(hexadecimal text: some StringProtocol) {
        guard let bytes = Self.bytes(hexadecimal: text) else { return nil }
        self.bytes = bytes
    }

    static func bytes(hexadecimal text: some StringProtocol) -> [UInt8]? {
        Hex.decode(text).flatMap { $0.count == byteCount ? $0 : nil }
    }

    /// 64 hexadecimal digits.
    public var description: String { Hex.encode(bytes) }
}

/// A public key with its secret half.
public struct CurveKeyPair: Sendable, CustomStringConvertible {
    /// What others may know.
    public let publicKey: CurvePublicKey
    private let secret: [UInt8]

    /// A new pair, from the system's source of randomness.
    ///
    /// - Throws: if the library was built without CURVE.
    public init() throws(ZeroMQError) {
        var texts = (public: [CChar](repeating: 0, count: 41), secret: [CChar](repeating: 0, count: 41))
        guard zmq_curve_keypair(&texts.public, &texts.secret) == 0 else { throw .last("make keys") }
        try self.init(secretText: texts.secret)
    }

    /// The pair of a secret key in 64 hexadecimal digits; nil if it is none.
    public init?(secretHexadecimal text: some StringProtocol) {
        guard let secret = CurvePublicKey.bytes(hexadecimal: text) else { return nil }
        var encoded = [CChar](repeating: 0, count: 41)
        guard zmq_z85_encode(&encoded, secret, secret.count) != nil, let made = try? CurveKeyPair(secretText: encoded)
        else { return nil }
        self = made
    }

    private init(secretText: [CChar]) throws(ZeroMQError) {
        var publicText = [CChar](repeating: 0, count: 41)
        guard zmq_curve_public(&publicText, secretText) == 0 else { throw .last("work out a public key") }
        var keys = (public: [UInt8](repeating: 0, count: 32), secret: [UInt8](repeating: 0, count: 32))
        guard zmq_z85_decode(&keys.public, publicText) != nil, zmq_z85_decode(&keys.secret, secretText) != nil,
            let publicKey = CurvePublicKey(bytes: keys.public)
        else { throw .last("read a key") }
        self.publicKey = publicKey
        secret = keys.secret
    }

    /// The secret key in 64 hexadecimal digits, for a file that only its owner reads.
    public var secretHexadecimal: String { Hex.encode(secret) }

    /// The secret key, for the library.
    var secretBytes: [UInt8] { secret }

    /// The public key: the secret one is not to appear in a log.
    public var description: String { "key pair of \(publicKey)" }
}

/// How a socket proves who it is, and of whom it wants proof. Everything is encrypted then.
public enum CurveRole: Sendable {
    /// Binds. The context's ``CurveGatekeeper`` decides which keys are accepted; without one, all are.
    case server(CurveKeyPair)
    /// Connects, to a server that has the secret half of `server`.
    case client(CurveKeyPair, server: CurvePublicKey)
}
