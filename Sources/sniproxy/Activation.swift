import Glibc
import Kernel

/// Where the listening sockets come from: the first that applies of the three ways.
struct Activation {
  let listeners: [ListeningSocket]

  init(_ addresses: [ListenAddress], _ serviceManager: ServiceManager) throws(Failure) {
    let numbers = try attempt("take over", "sockets from the service manager") { () throws(Errno) in
      try serviceManager.passedDescriptors()
    }
    if !addresses.isEmpty {
      listeners = try Self.open(addresses)
      for number in numbers { _ = Descriptor(owning: number) }
      return
    }
    let passed = try Self.adopt(numbers)
    if !passed.isEmpty {
      listeners = passed
      return
    }
    guard ListeningSocket.isListening(STDIN_FILENO) else { throw .usage(Self.threeWays) }
    listeners = [try Self.standardInput()]
  }

  private static func open(_ addresses: [ListenAddress]) throws(Failure) -> [ListeningSocket] {
    var opened: [ListeningSocket] = []
    for address in addresses {
      opened.append(
        try attempt("listen on", "\(address)") { () throws(Errno) in try ListeningSocket(address) })
    }
    return opened
  }

  private static func adopt(_ numbers: [Int32]) throws(Failure) -> [ListeningSocket] {
    var listeners: [ListeningSocket] = []
    for number in numbers {
      guard ListeningSocket.isListening(number) else {
        throw .usage(
          "descriptor \(number) from the service manager is no listening stream socket: pass ListenStream= sockets with "
            + "Accept=no only")
      }
      listeners.append(
        try attempt("take over", "descriptor \(number) from the service manager") { () throws(Errno) in
          try ListeningSocket(adopting: number)
        })
    }
    return listeners
  }

  /// Its number is given back to the null device, so that nothing else is ever taken for standard input.
  private static func standardInput() throws(Failure) -> ListeningSocket {
    try attempt("take over", "standard input") { () throws(Errno) in
      let socket = try ListeningSocket(adopting: Descriptor.duplicate(STDIN_FILENO))
      try Descriptor.replace(STDIN_FILENO)
      return socket
    }
  }

  #if Systemd
    private static let secondWay = "sockets from the service manager (a systemd socket unit, LISTEN_FDS)"
  #else
    private static let secondWay = "sockets from the service manager (not in this build, which is without libsystemd)"
  #endif

  private static let threeWays = """
    no listening socket. Give one in any of three ways:
      1. sniproxy --listen 127.0.0.1:8443   (or [::1]:8443, :8443, 8443, unix:PATH)
      2. \(secondWay)
      3. standard input that is a listening stream socket (inetd "wait", s6)
    """
}
