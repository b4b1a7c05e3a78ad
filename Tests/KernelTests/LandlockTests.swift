import CLinux
import CProbe
import Glibc
import Kernel
import Testing
import Wire

/// What a process may do with files closed to it, and no filter of system calls. Each test's process closes them for itself.
@Suite(
  .enabled(if: linux_landlock_version() >= 6, "this kernel's Landlock does not know all of it"),
  .disabled(if: isSanitized, "a process with a sanitizer does not close files to itself"))
struct LandlockTests {
  private let folder = TemporaryDirectory()

  @Test func `no file is opened, made, changed, removed or run`() async {
    folder.makeFile("file")
    folder.makeDirectory("directory")
    await #expect(processExitsWith: .success) { [path = folder.path as String] in
      #expect(Lock.closeFiles(removingIn: []).isEmpty)
      let file = "\(path)/file"
      #expect(refusal(unsafe open(file, O_RDONLY)) == EACCES)
      #expect(refusal(unsafe open(file, O_WRONLY)) == EACCES)
      #expect(refusal(unsafe open(path, O_RDONLY | O_DIRECTORY)) == EACCES)
      #expect(refusal(unsafe creat("\(path)/new", 0o600)) == EACCES)
      #expect(refusal(unsafe mkdir("\(path)/new", 0o700)) == EACCES)
      #expect(refusal(unsafe mkfifo("\(path)/new", 0o600)) == EACCES)
      #expect(refusal(unsafe symlink("target", "\(path)/new")) == EACCES)
      #expect(refusal(unsafe link(file, "\(path)/new")) == EACCES)
      #expect(refusal(unsafe rename(file, "\(path)/new")) == EACCES)
      #expect(refusal(unsafe truncate(file, 0)) == EACCES)
      #expect(refusal(unsafe unlink(file)) == EACCES)
      #expect(refusal(unsafe rmdir("\(path)/directory")) == EACCES)
      var arguments: [UnsafeMutablePointer<CChar>?] = unsafe [nil]
      #expect(refusal(unsafe execv("/bin/false", &arguments)) == EACCES)
      let socket = Descriptor(owning: require(linux_stream_socket(AF_UNIX)))
      #expect(refusal(tryToBind(socket.number, "\(path)/new")) == EACCES)
    }
  }

  @Test func `no TCP port is bound or connected to, and no other process gets a signal`() async throws {
    let listener = try ListeningSocket(.internet(.v4([127, 0, 0, 1]), port: 0, scope: 0))
    await #expect(processExitsWith: .success) { [port = port(listener) as UInt16] in
      #expect(Lock.closeFiles(removingIn: []).isEmpty)
      let bound = failure { () throws(Errno) in
        _ = try ListeningSocket(.internet(.v4([127, 0, 0, 1]), port: 0, scope: 0))
      }
      #expect(bound == .permissionDenied)
      let client = Descriptor(owning: require(socket(AF_INET, linux_SOCK_STREAM, 0)))
      #expect(refusal(tryToConnect(client.number, port)) == EACCES)
      #expect(refusal(kill(getppid(), 0)) == EPERM)
    }
  }

  @Test(arguments: [SocketPath.Kind.workingDirectory, .procfs])
  func `a backend is reached all the same, through links and out of the directory`(_ kind: SocketPath.Kind) async throws
  {
    let listener = try ListeningSocket(.unix(path: folder.path("socket")))
    folder.makeDirectory("hosts")
    folder.makeDirectory("elsewhere")
    folder.makeFile("elsewhere/flag")
    folder.makeLink("elsewhere/tls-socket", to: "../socket")
    folder.makeLink("hosts/entry", to: "../elsewhere")
    let isByProcfs = kind == .procfs
    await #expect(processExitsWith: .success) { [path = folder.path as String, isByProcfs = isByProcfs as Bool] in
      let hosts = try Directory(path: "\(path)/hosts")
      var way = try SocketPath(isByProcfs ? .procfs : .workingDirectory)
      #expect(Lock.closeFiles(removingIn: []).isEmpty)
      let error = failure { () throws(Errno) in
        let entry = try hosts.directory(Array("entry".utf8), by: &way)
        let hasFlag = try entry.contains("flag")
        let hasOther = try entry.contains("none")
        #expect(hasFlag && !hasOther)
        _ = try entry.connect(to: "tls-socket", by: way)
      }
      #expect(error == nil)
    }
    withExtendedLifetime(listener) {}
  }

  @Test func `a listener's file is removed, and none elsewhere`() async throws {
    folder.makeDirectory("other")
    folder.makeFile("other/file")
    folder.makeDirectory("own")
    await #expect(processExitsWith: .success) { [path = folder.path as String] in
      do {
        let listener = try ListeningSocket(.unix(path: "\(path)/own/socket"))
        #expect(listener.directory == "\(path)/own")
        #expect(Lock.closeFiles(removingIn: [listener.directory!]).isEmpty)
        #expect(unsafe access("\(path)/own/socket", F_OK) == 0)
      }
      #expect(refusal(unsafe access("\(path)/own/socket", F_OK)) == ENOENT)
      #expect(refusal(unsafe unlink("\(path)/other/file")) == EACCES)
      #expect(refusal(unsafe creat("\(path)/own/new", 0o600)) == EACCES)
    }
  }

  @Test func `a listener's directory that is not there any more stops nothing`() async {
    await #expect(processExitsWith: .success) { [path = folder.path as String] in
      #expect(Lock.closeFiles(removingIn: ["\(path)/none"]).isEmpty)
    }
  }

  @Test func `threads that are started later open none either`() async {
    await #expect(processExitsWith: .success) {
      #expect(Lock.closeFiles(removingIn: []).isEmpty)
      let error = try onThread { refusal(unsafe open("/dev/null", O_RDONLY)) }
      #expect(error == EACCES)
    }
  }
}
