import Modeling

/// The floating-point operations that a model asks for, whatever an implementation saves of them.
public enum ModelWork {
    /// FLOP of the forward and backward pass over sequences of these lengths: six times the encoder's matrices a token,
    /// plus attention (Chowdhery et al., "PaLM", 2022, appendix B; without causal masking).
    public static func training(_ encoder: EncoderArchitecture, lengths: [Int]) -> Double {
        3 * inference(encoder, lengths: lengths)
    }

    /// FLOP of the forward pass alone.
    public static func inference(_ encoder: EncoderArchitecture, lengths: [Int]) -> Double {
        let h = Double(encoder.hidden)
        return lengths.reduce(0.0) { sum, length in
            let l = Double(length)
            return encoder.layers.reduce(sum) { sum, layer in
                let matrices = 4 * h * h + 2 * h * Double(layer.intermediate)
                return sum + 2 * matrices * l + 4 * h * l * l
            }
        }
    }
}
