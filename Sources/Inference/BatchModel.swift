import Modeling

/// What computes packed batches: a model, or a stand-in for one.
public protocol BatchModel {
    /// The model.
    var specification: ModelSpecification { get }
    /// The outputs of the batches, in their order: of each S x `specification.head.outputWidth`, row-major.
    ///
    /// - Throws: An error about a batch that does not fit the model.
    func outputs(_ batches: [PackedBatch]) throws -> [[Float]]
    /// What an evaluation finds of batches with targets, in their order.
    ///
    /// - Throws: An error about a batch that does not fit the model.
    func evaluate(_ batches: [PackedBatch]) throws -> [EvaluationPart]
}

extension BatchModel {
    /// An error: it does not.
    public func evaluate(_ batches: [PackedBatch]) throws -> [EvaluationPart] {
        throw ModelError.invalidBatch("a model that evaluates no batches")
    }
}
