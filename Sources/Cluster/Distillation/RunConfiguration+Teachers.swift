import Support

extension RunConfiguration {
    /// The folders that ``teacher`` names.
    var teachers: [String] {
        (teacher ?? "").split(separator: ",", omittingEmptySubsequences: true).map { part in
            let path = part.trimmingWhitespace
            return (try? UserPath.expand(path)) ?? path
        }
    }
}

extension Substring {
    fileprivate var trimmingWhitespace: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
