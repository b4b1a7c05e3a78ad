import Foundation

/// The Debian package, as `make deb` makes it of the programs under test.
struct DebianPackage {
  let path: String

  init() throws {
    let directory = try Scratch.current.directory("packages")
    // xz would take half a minute.
    let made = try Child(
      "\(Program.package)/packaging/make-deb", [directory],
      environment: ["PROGRAMS": Program.directory, "COMPRESSION": "gzip"])
    guard try made.wait(within: 240) == .exited(0) else { throw Failure("make-deb: \(made.error)") }
    let names = try FileManager.default.contentsOfDirectory(atPath: directory)
    guard names.count == 1, names[0].hasPrefix("sniproxy-swift_") else { throw Failure("make-deb made \(names)") }
    path = "\(directory)/\(names[0])"
  }

  private init(path: String) { self.path = path }

  /// A field of its control file.
  func field(_ name: String) throws -> String {
    let shown = try run("dpkg-deb", "--field", path, name)
    guard shown.status == .exited(0) else { throw Failure("\(path): \(shown.error)") }
    return String(shown.output.dropLast())
  }

  /// The same as a newer version.
  func newer() throws -> DebianPackage {
    let (tree, newer) = (Scratch.current.file("newer"), Scratch.current.file("newer.deb"))
    let made = try Child("sh", ["-ec", Self.renew, "sh", path, tree, newer])
    guard try made.wait(within: 120) == .exited(0) else { throw Failure("dpkg-deb: \(made.error)") }
    return DebianPackage(path: newer)
  }

  private static let renew = #"""
    dpkg-deb --raw-extract "$1" "$2"
    sed -i 's/^Version: .*/&.1/' "$2/DEBIAN/control"
    dpkg-deb --build --root-owner-group -Znone "$2" "$3"
    """#
}
