import CLinux
import Foundation
import Glibc
import Kernel
import Synchronization
import Wire

#if SANITIZED
  let isSanitized = true
#else
  let isSanitized = false
#endif

/// A directory that is gone with its content at the end of the test.
final class TemporaryDirectory: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/sniproxy.XXXXXX".utf8CString)
    path = unsafe String(cString: mkdtemp(&template))
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func path(_ name: String) -> String { "\(path)/\(name)" }

  @discardableResult func makeDirectory(_ name: String, mode: mode_t = 0o755) -> String {
    require(unsafe mkdir(path(name), mode))
    require(unsafe chmod(path(name), mode))
    return path(name)
  }

  @discardableResult func makeFile(_ name: String) -> String {
    let number = require(unsafe creat(path(name), 0o644))
    close(number)
    return path(name)
  }

  @discardableResult func makeLink(_ name: String, to target: String) -> String {
    require(unsafe symlink(target, path(name)))
    return path(name)
  }
}

/// A result of the C library that the test itself cannot go on without.
@discardableResult func require(_ result: Int32) -> Int32 {
  precondition(result >= 0, unsafe String(cString: strerror(errno)))
  return result
}

/// The error number of a result of the C library; 0 if it succeeded.
func refusal(_ result: Int32) -> Int32 { result < 0 ? errno : 0 }

/// The error that the call throws; nil if none.
func failure(_ body: () throws(Errno) -> Void) -> Errno? {
  do throws(Errno) {
    try body()
    return nil
  } catch {
    return error
  }
}

/// The two ends of a pipe.
func makePipe() -> (reading: Int32, writing: Int32) {
  var numbers: [Int32] = [0, 0]
  require(unsafe pipe(&numbers))
  return (numbers[0], numbers[1])
}

/// A connection over a Unix socket.
struct UnixConnection: ~Copyable {
  let client: Socket
  let server: Socket

  init() throws {
    let folder = TemporaryDirectory()
    let listener = try ListeningSocket(.unix(path: folder.path("tls-socket")))
    let client = try Directory(path: folder.path).connect(to: "tls-socket", by: SocketPath(.procfs))
    let server = try acceptedSocket(listener)
    self.client = client
    self.server = server
  }
}

/// A connection over TCP; the client is a plain blocking socket.
struct TCPConnection: ~Copyable {
  let client: Descriptor
  let server: Socket

  init() throws {
    let listener = try ListeningSocket(.internet(.v4([127, 0, 0, 1]), port: 0, scope: 0))
    let client = connectToLoopback(port(listener))
    let server = try acceptedSocket(listener)
    self.client = client
    self.server = server
  }

  func send(_ text: String) { require(Int32(unsafe Glibc.send(client.number, text, text.utf8.count, 0))) }
}

func acceptedSocket(_ listener: ListeningSocket) throws -> Socket {
  guard let accepted = try listener.accept() else { preconditionFailure("nobody is waiting") }
  return accepted.takeSocket()
}

/// Where the next client comes from; nil if none is waiting.
func acceptedEndpoint(_ listener: ListeningSocket) throws -> Endpoint? {
  guard let accepted = try listener.accept() else { return nil }
  return accepted.endpoint
}

/// The port in the name of a listener.
func port(_ listener: ListeningSocket) -> UInt16 {
  UInt16(listener.name[listener.name.index(after: listener.name.lastIndex(of: ":")!)...])!
}

func connectToLoopback(_ port: UInt16) -> Descriptor {
  let descriptor = Descriptor(owning: require(socket(AF_INET, linux_SOCK_STREAM, 0)))
  require(tryToConnect(descriptor.number, port))
  return descriptor
}

func tryToConnect(_ number: Int32, _ port: UInt16) -> Int32 {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  return unsafe withStorage(address) { unsafe linux_connect(number, $0, $1) }
}

func bind(_ number: Int32, _ path: String) { require(tryToBind(number, path)) }

func tryToBind(_ number: Int32, _ path: String) -> Int32 {
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
  return unsafe withStorage(address) { unsafe linux_bind(number, $0, $1) }
}

private func withStorage<Address>(
  _ address: Address, _ body: (UnsafePointer<sockaddr_storage>, socklen_t) -> Int32
) -> Int32 {
  var storage = sockaddr_storage()
  unsafe withUnsafeMutableBytes(of: &storage) { storage in
    unsafe withUnsafeBytes(of: address) { unsafe storage.copyMemory(from: $0) }
  }
  return unsafe body(&storage, socklen_t(MemoryLayout<Address>.size))
}

/// Reads a byte: the count, or -1.
func readByte(_ number: Int32) -> Int {
  var byte: UInt8 = 0
  return unsafe read(number, &byte, 1)
}

/// Writes a byte: the count, or -1.
func writeByte(_ number: Int32) -> Int { unsafe write(number, "x", 1) }

/// Runs on a thread of its own and waits for the result.
func onThread<Result: Sendable>(_ body: @escaping @Sendable () -> Result) throws -> Result {
  let (reading, writing) = makePipe()
  let box = Box<Result>()
  try startThread("test") {
    let result = body()
    box.value.withLock { $0 = result }
    close(writing)
  }
  _ = readByte(reading)
  close(reading)
  return box.value.withLock { $0! }
}

private final class Box<Value: Sendable>: Sendable {
  let value = Mutex<Value?>(nil)
}

/// A socket's file that its process has left behind.
func makeStaleSocket(_ path: String) {
  let socket = Descriptor(owning: require(linux_stream_socket(AF_UNIX)))
  bind(socket.number, path)
}
