/// Clipping by the global norm, as `torch.nn.utils.clip_grad_norm_` does it.
public enum GradientClipping {
    /// The factor for a gradient of norm `norm`, so that its norm is at most `limit`: `limit / (norm + 1e-6)`, at most
    /// 1. Without a limit, 1.
    public static func factor(norm: Double, limit: Double?) -> Double {
        guard let limit else { return 1 }
        return min(1, limit / (norm + 1e-6))
    }
}
