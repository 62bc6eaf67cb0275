/// Number format of gradients on the network.
public enum WirePrecision: String, Sendable, Codable, CaseIterable {
    /// As they are: every sum has the same bits, however many ranks there are.
    case float32
    /// Rounded to bfloat16, half the bytes. What rounding loses is kept back and added the next time (error feedback:
    /// Seide et al. 2014, Karimireddy et al. 2019). The bits of a sum then depend on which rank computed what.
    case bf16
}
