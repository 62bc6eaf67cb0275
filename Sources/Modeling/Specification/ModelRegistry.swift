/// The heads and objectives that are known, by their kinds.
public struct ModelRegistry: Sendable {
    /// See ``Heads``.
    public var heads: [any Head.Type]
    /// See ``Objectives``.
    public var objectives: [any Objective.Type]

    /// Those of this program.
    public static let standard = ModelRegistry(heads: Heads.all, objectives: Objectives.all)

    /// These.
    public init(heads: [any Head.Type], objectives: [any Objective.Type]) {
        self.heads = heads
        self.objectives = objectives
    }

    func head(_ kind: String) throws(ModelError) -> any Head.Type {
        guard let type = heads.first(where: { $0.kind == kind }) else {
            throw .invalidModel("its head is of a kind that this version does not know")
        }
        return type
    }

    func objective(_ kind: String) throws(ModelError) -> any Objective.Type {
        guard let type = objectives.first(where: { $0.kind == kind }) else {
            throw .invalidModel("its objective is of a kind that this version does not know")
        }
        return type
    }
}
