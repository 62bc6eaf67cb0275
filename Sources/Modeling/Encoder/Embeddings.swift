import CKernels

/// The encoder's input: the sum of word, position and segment embeddings (of positions and segments where there are
/// such tables), LayerNorm, dropout.
struct Embeddings {
    let weights: UnsafePointer<Float>
    let slots: EmbeddingSlots
    let width: Int
    /// The row of the position embedding that a sequence's first token takes.
    let firstPosition: Int
    let epsilon: Float
    /// Beta where there is none.
    let zeros: UnsafePointer<Float>
    let dropout: DropoutPlan?

    /// What the backward pass needs.
    struct Activations {
        /// T rows of the position embedding.
        var positions: UnsafeMutablePointer<Int32>
        /// (T, width) and (T), nil where no backward pass follows.
        var normalized: UnsafeMutablePointer<Float>?
        var rstd: UnsafeMutablePointer<Float>?
        /// (T, maskStride(width)) bytes, nil without dropout.
        var keep: UnsafeMutablePointer<UInt8>?
        /// (T, width)
        var output: UnsafeMutablePointer<Float>
    }

    /// Lays out the activations of T tokens; `output` is (T, width).
    static func layOut(
        _ workspace: Workspace, tokens: Int, width: Int, training: Bool, dropout: Bool,
        output: UnsafeMutablePointer<Float>
    ) -> Activations {
        Activations(
            positions: workspace.integers(tokens), normalized: training ? workspace.floats(tokens * width) : nil,
            rstd: training ? workspace.floats(tokens) : nil,
            keep: dropout ? workspace.bytes(tokens * maskStride(width)) : nil, output: output)
    }

    /// Token ids → `saved.output` (T, width).
    func forward(_ batch: PackedBatch, saved: Activations) {
        let tokens = batch.tokenCount
        for s in 0..<batch.sequenceCount {
            let start = Int(batch.offsets[s])
            for t in start..<Int(batch.offsets[s + 1]) { saved.positions[t] = Int32(t - start + firstPosition) }
        }
        shoal_embedding_forward(
            saved.output, weights + slots.words, slots.positions.map { weights + $0 },
            slots.segments.map { weights + $0 }, batch.tokenIDs, saved.positions, batch.typeIDs, tokens, width)
        shoal_layer_norm_forward(
            saved.output, nil, saved.normalized, saved.rstd, saved.output, nil, nil, 0, 1, nil,
            weights + slots.norm.gamma, slots.norm.beta.map { weights + $0 } ?? zeros, tokens, width, epsilon)
        guard let dropout, let keep = saved.keep else { return }
        for s in 0..<batch.sequenceCount {
            let start = Int(batch.offsets[s])
            dropout.mask(
                keep + start * maskStride(width), rate: dropout.hidden, site: .embeddings,
                sample: batch.sampleKeys[s], firstRow: 0, rows: Int(batch.offsets[s + 1]) - start, width: width)
        }
        shoal_dropout_apply(saved.output, keep, tokens, width, maskStride(width), dropout.hidden.scale)
    }

    /// From dy (T, width), which is overwritten, the gradients of those tables that are trained, and of the LayerNorm.
    ///
    /// - Parameters:
    ///   - rows: T row numbers in the compact gradient of the word embedding.
    ///   - rowCount: The rows of that gradient.
    ///   - head: Has a part in the gradient of the word embedding where that is dense.
    ///   - columns: Scratch for 2 width floats.
    ///   - relativeBias: What attention has summed up for its bias, if there is one.
    func backward(
        _ batch: PackedBatch, dy: UnsafeMutablePointer<Float>, saved: Activations, rows: [Int32], rowCount: Int,
        head: any HeadPasses, columns: UnsafeMutablePointer<Float>, positionCount: Int, segmentCount: Int,
        vocabulary: Int, relativeBias: (table: RelativePositionBias, saved: RelativePositionBias.Activations)?,
        into sink: some GradientSink
    ) {
        guard let normalized = saved.normalized, let rstd = saved.rstd else {
            preconditionFailure("a backward pass needs what the forward pass saved")
        }
        let tokens = batch.tokenCount
        if let dropout, let keep = saved.keep {
            shoal_dropout_apply(dy, keep, tokens, width, maskStride(width), dropout.hidden.scale)
        }
        columns.update(repeating: 0, count: 2 * width)
        shoal_layer_norm_backward_f32(
            dy, nil, columns, columns + width, nil, dy, normalized, rstd, nil, 0, 1, weights + slots.norm.gamma, tokens,
            width)
        if let bucket = slots.bucket {
            sink.write(slots.norm.gamma, width) { $0.update(from: columns, count: width) }
            if let beta = slots.norm.beta {
                sink.write(beta, width) { $0.update(from: columns + width, count: width) }
            }
            if let segments = slots.segments {
                sink.add(segments, segmentCount * width) { shoal_scatter_add($0, dy, batch.typeIDs, tokens, width) }
            }
            if let positions = slots.positions {
                sink.add(positions, positionCount * width) {
                    shoal_scatter_add($0, dy, saved.positions, tokens, width)
                }
            }
            if let offset = slots.relativeBias, let (table, saved) = relativeBias {
                sink.add(offset, table.bias.buckets * table.heads) { table.backward(saved, addingTo: $0) }
            }
            sink.finish(bucket: bucket)
        }
        if let bucket = slots.wordBucket {
            if slots.hasDenseWords {
                writeAllWords(batch, dy, head, vocabulary, into: sink)
            } else {
                sink.add(slots.words, rowCount * width) { shoal_scatter_add($0, dy, rows, tokens, width) }
            }
            sink.finish(bucket: bucket)
        }
    }

    /// Floats of the word embedding whose gradient is written at once: it stays in the cache.
    private static let partFloats = 1 << 18

    /// The gradient of the whole word embedding: what the head has of it, and dy (tokens, width) at the tokens' rows.
    private func writeAllWords(
        _ batch: PackedBatch, _ dy: UnsafePointer<Float>, _ head: any HeadPasses, _ vocabulary: Int,
        into sink: some GradientSink
    ) {
        let rows = max(1, Self.partFloats / width)
        for first in stride(from: 0, to: vocabulary, by: rows) {
            let part = first..<min(first + rows, vocabulary)
            sink.write(slots.words + first * width, part.count * width) { gradient in
                head.writeWordGradient(part, to: gradient)
                for (token, id) in batch.tokenIDs.enumerated() where part.contains(Int(id)) {
                    shoal_add(gradient + (Int(id) - first) * width, dy + token * width, width)
                }
            }
        }
    }
}
