import Foundation
import Testing

/// Reads a file of `Fixtures`, which `make_fixtures.py` there has made.
func fixture<T: Decodable>(_ name: String, as type: T.Type = T.self) throws -> T {
    let url = Bundle.module.bundleURL.appendingPathComponent("Fixtures").appendingPathComponent(name)
    return try JSONDecoder().decode(type, from: try Data(contentsOf: url))
}

/// Whether `a` and `b` are the same within `tolerance`, relative where they are greater than 1.
func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-6) -> Bool {
    abs(a - b) <= tolerance * max(1, max(abs(a), abs(b)))
}

/// The description of the error that `body` throws, or nil.
func errorText(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return "\(error)"
    }
}
