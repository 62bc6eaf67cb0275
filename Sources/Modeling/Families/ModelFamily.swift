/// A family of models in Hugging Face's format: how it calls its tensors.
///
/// Families exist where model folders are read and written; a worker computes by ``ModelSpecification`` and never hears
/// of them.
public protocol ModelFamily: Sendable {
    /// The name under which a tensor is written.
    static func tensorName(_ id: ParameterID) -> String
    /// Further names under which files have the tensor `name`, in the order in which they are tried.
    static func aliases(of name: String) -> [String]
    /// Whether a tensor of this name, which no parameter is read from, says nothing of the model.
    static func isIrrelevant(_ name: String) -> Bool
}

extension ModelFamily {
    /// The name under which a file has the tensor `id`; nil if it has none.
    static func storedName(_ id: ParameterID, in names: (String) -> Bool) -> String? {
        let name = tensorName(id)
        return ([name] + aliases(of: name)).first(where: names)
    }
}
