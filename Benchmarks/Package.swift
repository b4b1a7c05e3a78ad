// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that the product depends on nothing of it.

let swift: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

// Every target that imports CBench sees Glibc as its header does; otherwise the two are different modules to the
// compiler.
let gnu: [CSetting] = [.define("_GNU_SOURCE")]

let package = Package(
  name: "sniproxy-benchmarks",
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
  ],
  targets: [
    .target(name: "CBench", publicHeadersPath: "include", cSettings: gnu),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libssl", providers: [.apt(["libssl-dev"])]),
    .target(name: "Load", dependencies: ["CBench", "COpenSSL"], cSettings: gnu, swiftSettings: swift),
    .executableTarget(
      name: "sniproxy-bench",
      dependencies: ["Load", "CBench", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      cSettings: gnu, swiftSettings: swift),
    .executableTarget(
      name: "sniproxy-soak",
      dependencies: ["Load", "CBench", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      cSettings: gnu, swiftSettings: swift),
    .testTarget(name: "LoadTests", dependencies: ["Load"], cSettings: gnu, swiftSettings: swift),
    .testTarget(
      name: "ReportTests", dependencies: ["sniproxy-bench", "Load"], cSettings: gnu, swiftSettings: swift),
    .testTarget(name: "SoakTests", dependencies: ["sniproxy-soak"], cSettings: gnu, swiftSettings: swift),
  ]
)
