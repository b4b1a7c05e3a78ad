// swift-tools-version: 6.2
import PackageDescription

let swift: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

// Every target that imports CLinux sees Glibc as CLinux's header does; otherwise the two are different modules to the compiler.
let gnu: [CSetting] = [.define("_GNU_SOURCE")]

// The dynamic linker reads every relocation at start; packed, they take 10 KB instead of 1 MB of memory. What it finds of other
// libraries it finds then too, so that nothing can write to it later.
let packed: [LinkerSetting] = [
  .unsafeFlags(
    ["-use-ld=lld", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs", "-Xlinker", "-z", "-Xlinker", "now"],
    .when(configuration: .release))
]

// For the linker alone: as a flag of the command line it would compile every dependency once more.
let alone: [LinkerSetting] = [.unsafeFlags(["-static-executable"], .when(traits: ["StaticExecutable"]))]

let package = Package(
  name: "sniproxy",
  products: [
    .executable(name: "sniproxy", targets: ["sniproxy"]),
    .executable(name: "sniproxy-hostname", targets: ["sniproxy-hostname"]),
    .executable(name: "sniproxy-check", targets: ["sniproxy-check"]),
    .executable(name: "sniproxy-listen", targets: ["sniproxy-listen"]),
    .executable(name: "sniproxy-status", targets: ["sniproxy-status"]),
    .library(name: "SNIHandoff", targets: ["SNIHandoff"]),
  ],
  traits: [
    .default(enabledTraits: ["Systemd"]),
    .trait(
      name: "Systemd",
      description: "Sockets from the service manager and notifications to it, with libsystemd"),
    .trait(name: "StaticExecutable", description: "One file that needs no library; not with Systemd"),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
  ],
  targets: [
    .target(name: "Wire", swiftSettings: swift),
    .target(name: "CLinux", publicHeadersPath: "include", cSettings: gnu),
    // The archive and not the shared library: one that is there for the static program too, and that no machine must install.
    .systemLibrary(name: "CSeccomp", providers: [.apt(["libseccomp-dev"])]),
    .target(
      name: "Kernel", dependencies: ["CLinux", "CSeccomp", "Wire"], cSettings: gnu, swiftSettings: swift,
      linkerSettings: [.linkedLibrary(":libseccomp.a")]),
    .target(name: "Status", dependencies: ["Wire", "Kernel"], cSettings: gnu, swiftSettings: swift),
    .target(
      name: "Relay",
      dependencies: [
        "Wire", "Kernel", "Status",
        .product(name: "BasicContainers", package: "swift-collections"),
        .product(name: "Crypto", package: "swift-crypto"),
      ],
      cSettings: gnu, swiftSettings: swift),
    .systemLibrary(
      name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
    .systemLibrary(name: "CICU", pkgConfig: "icu-uc", providers: [.apt(["libicu-dev"])]),
    .executableTarget(
      name: "sniproxy",
      dependencies: [
        "Relay", "Status", "Wire", "Kernel",
        .target(name: "CSystemd", condition: .when(traits: ["Systemd"])),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      cSettings: gnu, swiftSettings: swift, linkerSettings: packed + alone),
    .target(
      name: "Inspection", dependencies: ["Wire", "Kernel", "Relay", "WrittenNames"], cSettings: gnu,
      swiftSettings: swift),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libssl", providers: [.apt(["libssl-dev"])]),
    .target(
      name: "TLSClient", dependencies: ["COpenSSL", "Inspection", "Kernel"], cSettings: gnu, swiftSettings: swift),
    .executableTarget(
      name: "sniproxy-check",
      dependencies: [
        "Inspection", "TLSClient", "Relay", "Wire", "Kernel", "WrittenNames",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      cSettings: gnu, swiftSettings: swift, linkerSettings: packed),
    .target(name: "WrittenNames", dependencies: ["Wire", "CICU"], swiftSettings: swift),
    .executableTarget(
      name: "sniproxy-hostname",
      dependencies: [
        "Wire", "WrittenNames",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Crypto", package: "swift-crypto"),
      ],
      swiftSettings: swift, linkerSettings: packed),
    .executableTarget(
      name: "sniproxy-listen",
      dependencies: [
        "Kernel", "CLinux", "Wire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      cSettings: gnu, swiftSettings: swift, linkerSettings: packed),
    .target(name: "StatusReport", dependencies: ["Status", "Wire"], cSettings: gnu, swiftSettings: swift),
    .executableTarget(
      name: "sniproxy-status",
      dependencies: [
        "StatusReport", "Status", "Kernel", "Wire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      cSettings: gnu, swiftSettings: swift, linkerSettings: packed),
    .target(name: "CHandoff", publicHeadersPath: "include"),
    .target(name: "SNIHandoff", dependencies: ["CHandoff", "Wire"], swiftSettings: swift),
    .executableTarget(
      name: "handoff-example", dependencies: ["SNIHandoff", "COpenSSL"], path: "examples/handoff/swift",
      swiftSettings: swift),
    .testTarget(
      name: "SNIHandoffTests", dependencies: ["SNIHandoff", "Wire", "CProbe"], swiftSettings: swift),
    .testTarget(
      name: "StatusReportTests", dependencies: ["StatusReport", "Status", "Wire"], cSettings: gnu, swiftSettings: swift),
    .testTarget(name: "WireTests", dependencies: ["Wire"], swiftSettings: swift),
    .target(name: "CProbe", path: "Tests/CProbe", publicHeadersPath: "include", cSettings: gnu),
    .executableTarget(
      name: "lock-probe", dependencies: ["Kernel", "CLinux", "CProbe"], path: "Tests/LockProbe", cSettings: gnu,
      swiftSettings: swift, linkerSettings: packed),
    .testTarget(
      name: "KernelTests", dependencies: ["Kernel", "Wire", "CLinux", "CProbe"], cSettings: gnu, swiftSettings: swift),
    .testTarget(
      name: "StatusTests", dependencies: ["Status", "Kernel", "Wire", "CLinux"], cSettings: gnu, swiftSettings: swift),
    .testTarget(
      name: "RelayTests", dependencies: ["Relay", "Kernel", "Wire", "CLinux"], cSettings: gnu, swiftSettings: swift),
    .testTarget(
      name: "InspectionTests", dependencies: ["Inspection", "Kernel", "Relay", "Wire"], cSettings: gnu,
      swiftSettings: swift),
    .executableTarget(
      name: "status-probe", dependencies: ["Status", "Kernel", "Wire"], path: "Tests/StatusProbe", cSettings: gnu,
      swiftSettings: swift, linkerSettings: packed),
    .testTarget(name: "EndToEndTests", dependencies: ["Wire"], swiftSettings: swift),
  ]
)
