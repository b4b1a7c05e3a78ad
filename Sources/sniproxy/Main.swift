import ArgumentParser
import Glibc
import Kernel
import Relay
import Wire

@main
enum Main {
  static func main() {
    do throws(Errno) {
      // First of all, so that no later descriptor is taken for a standard one.
      try Descriptor.openStandardDescriptors()
      // What else whoever started it left open is nothing to it.
      closeDescriptors(from: STDERR_FILENO + 1 + ServiceManager.passedCount)
      let signals = try Signals([SIGHUP, SIGTERM, SIGINT])
      let log = try Log(to: try Log.Destination.detected())
      let options = parsedOptions(log)
      do throws(Failure) {
        let supervisor = try Supervisor(options, signals, log)
        let status = try supervisor.run()
        log.flush(milliseconds: flushTime)
        _exit(status)
      } catch {
        fail(error.text, error.exitStatus, log)
      }
    } catch {
      let text = "sniproxy: cannot start: \(error)\n"
      _ = unsafe text.withCString { unsafe write(STDERR_FILENO, $0, strlen($0)) }
      _exit(ExitStatus.systemCallFailed)
    }
  }

  private static func parsedOptions(_ log: Log) -> Options {
    let arguments = commandLineArguments()
    if let number = arguments.firstIndex(of: nil) {
      fail("argument \(number + 1) is not UTF-8: rename the file, or name it otherwise", ExitStatus.usage, log)
    }
    do {
      return try Options.parse(arguments.compactMap { $0 })
    } catch {
      let message = Options.fullMessage(for: error)
      let text = message.hasPrefix("Error: ") ? String(message.dropFirst("Error: ".count)) : message
      guard Options.exitCode(for: error) == .success else { fail(text, ExitStatus.usage, log) }
      print(text)
      if fflush(nil) == 0 { exit(ExitStatus.success) }
      unsafe perror("sniproxy: cannot write to standard output")
      exit(ExitStatus.systemCallFailed)
    }
  }

  private static func fail(_ text: String, _ status: Int32, _ log: Log) -> Never {
    log.write(.error, text)
    try? log.start()
    log.flush(milliseconds: flushTime)
    _exit(status)
  }

  private static let flushTime: Int64 = 1000
}

extension Log.Destination {
  /// Where the log goes. inetd(8) passes the listening socket, or by mistake a client's, as descriptors 0, 1 and 2: nothing
  /// must ever be written to it, so those that are it become the null device.
  static func detected() throws(Errno) -> Log.Destination {
    let errorIsNetwork = isNetwork(STDERR_FILENO)
    for number in [STDOUT_FILENO, STDERR_FILENO] where isNetwork(number) {
      try Descriptor.replace(number)
    }
    if errorIsNetwork { return .syslog }
    return standardErrorIsJournal ? .journal : .standardError
  }

  private static func isNetwork(_ number: Int32) -> Bool {
    ListeningSocket.isListening(number) || (try? SocketAddress(localOf: number).endpoint) ?? .local != .local
  }

  /// systemd.exec(5), `JOURNAL_STREAM`: the device and inode of the journal's socket.
  private static var standardErrorIsJournal: Bool {
    guard let variable = unsafe getenv("JOURNAL_STREAM"), let error = Descriptor.identity(of: STDERR_FILENO) else {
      return false
    }
    return unsafe String(cString: variable) == "\(error.device):\(error.inode)"
  }
}
