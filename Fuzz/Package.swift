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

// libFuzzer brings `main`.
let library: [SwiftSetting] = [.unsafeFlags(["-parse-as-library"])]

func fuzzTarget(_ name: String, _ checks: Target.Dependency = "Properties") -> Target {
  .executableTarget(name: name, dependencies: ["Fuzzing", checks], swiftSettings: swift + library)
}

let package = Package(
  name: "sniproxy-fuzz",
  targets: [
    .target(name: "Wire", swiftSettings: swift),
    .target(name: "Properties", dependencies: ["Wire"], swiftSettings: swift),
    .target(name: "Fuzzing", swiftSettings: swift),
    .target(name: "COpenSSL", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
    .target(name: "Agreement", dependencies: ["COpenSSL", "Properties", "Wire"], swiftSettings: swift),
    fuzzTarget("fuzz-hello"),
    fuzzTarget("fuzz-host-name"),
    fuzzTarget("fuzz-proxy-header"),
    fuzzTarget("fuzz-life"),
    fuzzTarget("fuzz-openssl", "Agreement"),
  ]
)
