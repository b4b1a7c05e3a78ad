import Foundation
import Testing

/// What `make deb` makes.
@Suite(
  .scratch, .requires("make", "dh", "lintian", "dpkg-deb"), .notSanitized("packs the programs as they are shipped"))
struct DebianPackageTests {
  @Test func `it is well made, and says what it is not`() throws {
    let package = try DebianPackage()
    let lintian = try Child("lintian", ["--allow-root", "--display-info", "--fail-on", "error,warning", package.path])
    #expect(try lintian.wait(within: 240) == .exited(0), "\(lintian.output)\(lintian.error)")
    #expect(!lintian.output.contains("hardening-no-bindnow"), "\(lintian.output)")

    #expect(try package.field("Package") == "sniproxy-swift")
    #expect(try package.field("Conflicts") == "sniproxy")
    #expect(try package.field("Description").contains("not the program of Debian's package sniproxy"))
    let version = try run(try Program.path("sniproxy"), "--version").output.split(separator: " ")[1].dropLast()
    #expect(try package.field("Version") == "\(version)-1")
    let depends = try package.field("Depends")
    for library in ["libsystemd0", "libicu72", "libc6"] { #expect(depends.contains(library), "\(depends)") }
    #expect(!depends.contains("libseccomp"), "it is in the program")
    #expect(try package.field("Built-Using").hasPrefix("libseccomp (= "))
    #expect(try package.field("Conffiles").isEmpty)

    let listed = try run("dpkg-deb", "--contents", package.path).output
    for page in ManualPage.all { #expect(listed.contains("/man\(page.file.last!)/\(page.file).gz\n")) }
    for file in [
      "/usr/sbin/sniproxy", "/usr/bin/sniproxy-hostname", "/lib/systemd/system/sniproxy.service",
      "/usr/bin/sniproxy-listen", "/usr/lib/sniproxy/libsniproxy-listen.so",
      "/usr/bin/sniproxy-status", "/lib/systemd/system/sniproxy-status.socket",
      "/usr/lib/sysusers.d/sniproxy.conf", "/usr/lib/tmpfiles.d/sniproxy.conf",
      "/usr/share/bash-completion/completions/sniproxy", "/usr/share/zsh/vendor-completions/_sniproxy",
      "/usr/share/fish/vendor_completions.d/sniproxy.fish", "/usr/share/doc/sniproxy-swift/copyright",
      "/usr/share/doc/sniproxy-swift/changelog.Debian.gz", "/usr/share/doc/sniproxy-swift/README.md",
    ] { #expect(listed.contains(" .\(file)\n"), "\(file)") }
    let documents = try run(
      "sh", "-c",
      "dpkg-deb --fsys-tarfile \(package.path) | tar --extract --to-stdout --wildcards './usr/share/doc/*' | grep --text /usr/"
    )
    #expect(documents.output.contains("nginx -c /usr/share/doc/sniproxy-swift/examples/nginx/nginx.conf\n"))
    #expect(documents.output.contains("exec /usr/sbin/sniproxy "))
    #expect(!documents.output.contains(/\/usr\/local\/(s?bin|share)\//), "\(documents.output)")
    #expect(!listed.contains("/usr/local") && !listed.contains("/srv") && !listed.contains("/etc"))
  }
}
