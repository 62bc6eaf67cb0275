import Modeling

/// What computes packed batches: a model, or a stand-in for one.
public protocol BatchModel {
    /// The model.
    var specification: ModelSpecification { get }
    /// The outputs of the batches, in their order: of each S x `specification.head.outputWidth`, row-major.
    ///
    /// - Throws: An error about a batch that does not fit the model.
    func outputs(_ batches: [PackedBatch]) throws -> [[Float]]
}
