/// What models can be made of: the heads and objectives that are known, by their kinds, and the families of model
/// folders, by their types.
public struct ModelRegistry: Sendable {
    /// See ``Families``. A worker looks none up.
    public var families: [any ModelFamily.Type]
    /// See ``Heads``.
    public var heads: [any Head.Type]
    /// See ``Objectives``.
    public var objectives: [any Objective.Type]

    /// Those of this program.
    public static let standard = ModelRegistry()

    /// These; what is not given is as in this program.
    public init(
        families: [any ModelFamily.Type] = Families.all, heads: [any Head.Type] = Heads.all,
        objectives: [any Objective.Type] = Objectives.all
    ) {
        self.families = families
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
