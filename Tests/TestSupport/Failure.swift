import Support
import Testing

/// The description of the error that `body` must throw.
public func failure(_ body: () throws -> Void, _ location: SourceLocation = #_sourceLocation) -> String {
    do {
        try body()
        Issue.record("no error", sourceLocation: location)
        return ""
    } catch let error as FileError {
        return error.description
    } catch {
        Issue.record("\(error) is no FileError", sourceLocation: location)
        return ""
    }
}
