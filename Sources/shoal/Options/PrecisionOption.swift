import ArgumentParser
import Cluster
import Modeling

/// The number format of the matrix products of a command that runs a model.
struct PrecisionOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "float32, or bf16: the encoder's products in bfloat16, on processors with AVX512-BF16 or AMX "
                + "(default: float32).", valueName: "name"))
    var precision: Precision = .float32

    /// The precision, if this machine has it.
    func checked() throws(ConfigurationError) -> Precision { try Self.check(precision) }

    /// `precision`, if this machine has it.
    static func check(_ precision: Precision) throws(ConfigurationError) -> Precision {
        guard let obstacle = precision.unsupportedReason else { return precision }
        throw .unsupported("precision", value: precision.rawValue, reason: obstacle)
    }
}

extension Precision: ExpressibleByArgument {}
