import Foundation
import Support

/// `adapter_config.json` of the `peft` library, of a LoRA adapter.
struct PEFTConfiguration: Equatable {
    /// Without the targets, which follow from the tensors.
    var rank: Int
    var alpha: Double
    var dropout: Float
    var isRankStabilized: Bool
    /// `task_type`, one of ``ModelPurpose/peftTasks``; nil where it is not said.
    var task: String?
    /// `base_model_name_or_path`.
    var baseName: String?
    /// Names of modules; none where they are given in another form.
    var targetModules: [String]

    /// The name of the file.
    static let fileName = "adapter_config.json"

    /// Entries that say nothing about what is computed, or whose effect the tensors show.
    private static let descriptive: Set<String> = [
        "auto_mapping", "peft_version", "revision", "inference_mode", "megatron_core", "qalora_group_size",
        "exclude_modules", "layers_to_transform", "layers_pattern", "eva_config", "modules_to_save",
    ]
    /// Entries that are read.
    private static let read: Set<String> = [
        "peft_type", "r", "lora_alpha", "lora_dropout", "use_rslora", "base_model_name_or_path", "target_modules",
        "bias", "init_lora_weights", "task_type",
    ]
    /// Values of `init_lora_weights` that leave the base model as it is; the others change its weights.
    private static let plainBeginnings: [JSONValue] = [
        .null, .bool(true), .bool(false), .string("gaussian"), .string("eva"), .string("orthogonal"),
    ]

    /// Reads the file.
    ///
    /// - Throws: An error that names the file and the entry: a kind of adapter, or an option, that is not supported.
    init(path: String) throws(FileError) {
        let file = try MappedFile(path: path)
        guard file.count <= 1 << 20 else { throw FileError(path, "too large for an adapter_config.json") }
        let value: JSONValue
        do throws(JSONError) {
            value = try file.withBytes { bytes throws(JSONError) in try JSONValue(parsing: bytes) }
        } catch {
            throw FileError(path, "not valid JSON: \(error.reason)")
        }
        guard case .object(let object) = value else {
            throw FileError(path, "must be a JSON object, found \(value.summary)")
        }
        let config = ConfigurationReader(entries: object.dictionary, path: path)
        guard config.value("peft_type") == .string("LORA") else {
            throw config.failure(
                "peft_type is \(config.value("peft_type")?.summary ?? "missing"), only \"LORA\" is supported")
        }
        try config.require("bias", .string("none"))
        let beginning = config.value("init_lora_weights") ?? .null
        guard Self.plainBeginnings.contains(beginning) else {
            throw config.failure(
                "init_lora_weights is \(beginning.summary), which changes the base model and is not supported")
        }
        let empty: [JSONValue] = [.null, .bool(false), .object([:]), .array([]), .string("")]
        for (key, value) in config.entries.sorted(by: { $0.key < $1.key })
        where !Self.read.contains(key) && !Self.descriptive.contains(key) && !empty.contains(value) {
            throw config.failure(
                "\(key.printable(limit: 60)) is \(value.summary.printable(limit: 80)), which is not supported")
        }
        rank = try config.integer("r", default: 8, in: LowRankAdapter.ranks)
        switch config.value("lora_alpha") {
        case nil: alpha = 8
        case .integer(let found)?: alpha = Double(found)
        case .number(let found)?: alpha = found
        case let found?: throw config.failure("lora_alpha is \(found.summary), must be a number")
        }
        guard alpha > 0, alpha <= LowRankAdapter.maxAlpha else {
            throw config.failure("lora_alpha is \(alpha), must be above 0 and at most \(Int(LowRankAdapter.maxAlpha))")
        }
        dropout = try config.probability("lora_dropout", default: 0)
        switch config.value("use_rslora") {
        case nil: isRankStabilized = false
        case .bool(let found)?: isRankStabilized = found
        case let found?: throw config.failure("use_rslora is \(found.summary), must be true or false")
        }
        switch config.value("task_type") {
        case nil: task = nil
        case .string(let found)? where ModelPurpose.peftTasks.contains(found): task = found
        case let found?:
            throw config.failure(
                "task_type is \(found.summary.printable(limit: 80)), only "
                    + ModelPurpose.peftTasks.map { quoted($0) }.joined(separator: ", ") + " are supported")
        }
        baseName = config.value("base_model_name_or_path")?.string
        targetModules = config.value("target_modules")?.array?.compactMap(\.string) ?? []
    }

    /// The contents of the file for an adapter, with every entry that `peft` 0.21 writes and that is not its default.
    ///
    /// - Parameters:
    ///   - targets: Names of modules that match those with an adapter, and no others.
    ///   - saved: Names of modules that are trained as a whole.
    ///   - task: The `task_type`; nil for none.
    ///   - base: The folder of the model.
    static func json(
        _ adapter: LowRankAdapter, targets: [String], saved: [String], task: String?, base: String
    ) -> Data {
        let alpha = Int(exactly: adapter.alpha).map { JSONValue.integer($0) } ?? .number(adapter.alpha)
        let entries: [String: JSONValue] = [
            "peft_type": .string("LORA"), "task_type": task.map { .string($0) } ?? .null,
            "base_model_name_or_path": .string(base), "bias": .string("none"), "inference_mode": .bool(true),
            "r": .integer(adapter.rank), "lora_alpha": alpha, "lora_dropout": .float(adapter.dropout),
            "use_rslora": .bool(adapter.isRankStabilized), "fan_in_fan_out": .bool(false),
            "init_lora_weights": .bool(true), "target_modules": .array(targets.map { .string($0) }),
            "modules_to_save": saved.isEmpty ? .null : .array(saved.map { .string($0) }), "rank_pattern": .object([:]),
            "alpha_pattern": .object([:]), "use_dora": .bool(false),
        ]
        return Data(JSONValue.object(JSONObject(entries)).text.utf8)
    }
}
