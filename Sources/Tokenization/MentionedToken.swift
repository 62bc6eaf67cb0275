import Support

/// A token that a tokenizer's files name, besides the vocabulary.
struct MentionedToken: Equatable {
    var content: [UInt8]
    /// Its id, where the file says one.
    var id: Int?
    var singleWord = false
    /// Takes the white space before it along.
    var stripsLeft = false
    /// Takes the white space after it along.
    var stripsRight = false
    /// Sought in the normalized text.
    var normalized = false
    /// Where it stands, for messages: a path.
    var path: String
    /// See `path`: the key in that file.
    var place: String

    /// How a message calls the token.
    var name: String { "\"\(String(decoding: content, as: UTF8.self).printable(limit: 60))\"" }

    /// A string, or an object with "content".
    ///
    /// - Parameter isSpecial: What holds where the value does not say.
    init(
        _ value: JSONValue, id: Int? = nil, isSpecial: Bool, path: String, place: String
    ) throws(FileError) {
        self.path = path
        self.place = place
        self.id = id
        if let content = value.bytes {
            self.content = content
            normalized = !isSpecial
            return
        }
        guard let content = value["content"]?.bytes else {
            let which = id.map { "the entry of \(place) with id \($0)" } ?? place
            throw FileError(
                path,
                id == nil
                    ? "\(which) must be a string or an object with \"content\""
                    : "\(which) has no string \"content\"")
        }
        func flag(_ key: String) throws(FileError) -> Bool? {
            guard let value = value[key], !value.isNull else { return nil }
            guard let flag = value.bool else {
                throw FileError(path, "\(place): \"\(key)\" of a token must be true or false")
            }
            return flag
        }
        self.content = content
        singleWord = try flag("single_word") ?? false
        let special = try flag("special") ?? isSpecial
        normalized = try flag("normalized") ?? !special
        stripsLeft = try flag("lstrip") ?? false
        stripsRight = try flag("rstrip") ?? false
    }
}
