// swift-tools-version: 6.2
import PackageDescription

// C kernels are vectorized loops: they want -O3 even in a debug build, or the tests crawl.
let kernelFlags: [CSetting] = [.unsafeFlags(["-O3"])]

let package = Package(
    name: "shoal",
    products: [
        .executable(name: "shoal", targets: ["shoal"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // The bottom: C libraries and our own C loops.
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"])]),
        .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
        .target(name: "CKernels", cSettings: kernelFlags),
        .target(name: "CLinux"),

        // A module may depend only on modules above it in this list.
        .target(
            name: "Support",
            dependencies: [
                "CLinux",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(name: "Numerics", dependencies: ["Support", "CKernels", "COneDNN"]),
        .target(name: "Checkpoint", dependencies: ["Support", .product(name: "Crypto", package: "swift-crypto")]),
        .target(
            name: "Tokenization",
            dependencies: ["Support", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
            exclude: ["SentencePiece/sentencepiece.proto"]),
        .target(name: "Tagging"),
        .target(
            name: "Corpus",
            dependencies: [
                "Support", "Tokenization", "Tagging", "Numerics", "Checkpoint",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ]),
        .target(name: "Modeling", dependencies: ["Support", "Tagging", "Numerics", "Checkpoint"]),
        .target(name: "Training", dependencies: ["Support", "Modeling", "Numerics", "CKernels"]),
        .target(
            name: "Inference",
            dependencies: ["Support", "Numerics", "Tokenization", "Tagging", "Corpus", "Modeling", "FewShot"]),
        .target(name: "FewShot", dependencies: ["Support", "Numerics", "CKernels"]),
        .target(
            name: "Collectives",
            dependencies: [
                "Support", "CZeroMQ", "CZstd", "CLinux", "Numerics", "CKernels",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(
            name: "Cluster",
            dependencies: [
                "Support", "CLinux", "Collectives", "Inference", "Training", "Modeling", "Corpus", "Tokenization",
                "FewShot",
                "Checkpoint", "Numerics",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ],
            exclude: ["Protocol/control.proto"]),
        .target(name: "Dashboard", dependencies: ["Support", "Cluster", "Modeling", "Training"]),
        .target(
            name: "Benchmarks",
            dependencies: [
                "Support", "Cluster", "Collectives", "Corpus", "Training", "Modeling", "Numerics", "CKernels",
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .executableTarget(
            name: "shoal",
            dependencies: [
                "Support", "Benchmarks", "Dashboard", "Cluster", "Collectives", "Inference", "Training", "Modeling",
                "Corpus", "Tokenization", "Numerics",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),

        // What several test targets need.
        .target(name: "TestSupport", dependencies: ["Modeling", "Support"], path: "Tests/TestSupport"),
        .testTarget(
            name: "SupportTests",
            dependencies: ["Support", "TestSupport", .product(name: "Logging", package: "swift-log")]),
        .testTarget(name: "NumericsTests", dependencies: ["Numerics", "CKernels", "Support"]),
        .testTarget(
            name: "FewShotTests", dependencies: ["FewShot", "Numerics"], resources: [.copy("Fixtures")]),
        .testTarget(
            name: "CheckpointTests", dependencies: ["Checkpoint", "Support", "TestSupport"],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "TokenizationTests",
            dependencies: ["Tokenization", "Support", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
            resources: [.copy("Fixtures")]),
        .testTarget(name: "TaggingTests", dependencies: ["Tagging"], resources: [.copy("Fixtures")]),
        .testTarget(
            name: "CorpusTests",
            dependencies: [
                "Corpus", "Tokenization", "Tagging", "Numerics", "Checkpoint", "Support",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .testTarget(
            name: "ModelingTests",
            dependencies: ["Modeling", "Checkpoint", "CKernels", "Numerics", "TestSupport"],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "TrainingTests",
            dependencies: ["Training", "Modeling", "Checkpoint", "Collectives", "Numerics", "TestSupport"],
            resources: [.copy("Fixtures")]
        ),
        .testTarget(
            name: "BenchmarksTests",
            dependencies: [
                "Benchmarks", "Checkpoint", "Cluster", "Collectives", "Corpus", "Numerics", "Support", "TestSupport",
            ]),
        .testTarget(
            name: "InferenceTests",
            dependencies: ["Inference", "Corpus", "FewShot", "Modeling", "Numerics", "Tokenization", "TestSupport"],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "CollectivesTests",
            dependencies: ["Collectives", "Support", .product(name: "Logging", package: "swift-log")]),
        .testTarget(
            name: "ClusterTests",
            dependencies: [
                "Cluster", "Inference", "Modeling", "Support", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(name: "DashboardTests", dependencies: ["Dashboard", "Support", "Training"]),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "shoal", "Checkpoint", "Cluster", "Collectives", "Support", "TestSupport", "Modeling", "Numerics",
                "Training",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)
