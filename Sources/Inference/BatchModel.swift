import Modeling

/// What computes packed batches: a model, or a stand-in for one.
public protocol BatchModel {
    /// Floats of a text's outputs.
    var outputWidth: Int { get }
    /// The outputs of the batches, in their order: of each S x ``outputWidth``, row-major.
    ///
    /// - Throws: An error about a batch that does not fit the model.
    func outputs(_ batches: [PackedBatch]) throws -> [[Float]]
}
