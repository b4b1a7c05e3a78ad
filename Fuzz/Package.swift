// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that the product depends on nothing of it. Symbolic links lead to the sources: they are
// compiled here once more, with libFuzzer's counters, and what is of package access is within reach.

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

// The tests look into Relay, and so does what they share with the targets.
let testable: [SwiftSetting] = [.unsafeFlags(["-enable-testing"])]

// libFuzzer brings `main`.
let library: [SwiftSetting] = [.unsafeFlags(["-parse-as-library"])]

func fuzzTarget(_ name: String, _ checks: Target.Dependency = "Properties") -> Target {
  .executableTarget(
    name: name, dependencies: ["Fuzzing", checks], cSettings: gnu, swiftSettings: swift + library)
}

let package = Package(
  name: "sniproxy-fuzz",
  targets: [
    .target(name: "Wire", swiftSettings: swift),
    .target(name: "CLinux", publicHeadersPath: "include", cSettings: gnu),
    .systemLibrary(name: "CSeccomp"),
    .target(
      name: "Kernel", dependencies: ["CLinux", "CSeccomp", "Wire"], cSettings: gnu, swiftSettings: swift,
      linkerSettings: [.linkedLibrary(":libseccomp.a")]),
    .target(name: "Relay", dependencies: ["Wire", "Kernel"], cSettings: gnu, swiftSettings: swift + testable),
    .target(name: "Properties", dependencies: ["Wire"], swiftSettings: swift),
    .target(name: "Fuzzing", swiftSettings: swift),
    .target(name: "COpenSSL", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
    .target(name: "Agreement", dependencies: ["COpenSSL", "Properties", "Wire"], swiftSettings: swift),
    fuzzTarget("fuzz-hello"),
    fuzzTarget("fuzz-host-name"),
    fuzzTarget("fuzz-proxy-header"),
    fuzzTarget("fuzz-life"),
    .target(
      name: "Crossing", dependencies: ["CLinux", "Kernel", "Relay", "Wire"], cSettings: gnu, swiftSettings: swift),
    fuzzTarget("fuzz-crossing", "Crossing"),
    fuzzTarget("fuzz-openssl", "Agreement"),
  ]
)
