import Foundation

/// A machine of namespaces, with a real systemd as process 1 on a throw-away copy of the file system, its own network and its own
/// journal. Nothing of the real machine's services is started in it. Only root can make one.
final class Machine {
  /// - Parameters:
  ///   - installed: a directory whose files are laid over the file system
  ///   - mounts: where the machine has which directory of this one, apart from the test's scratch directory
  ///   - root: the file system that it gets a copy of
  init(installed: String, mounts: [String: String], root: String = "/") throws {
    let scratch = Scratch.current
    let directory = try scratch.directory("machine")
    console = "\(directory)/console"
    try FileManager.default.createDirectory(atPath: "\(directory)/root", withIntermediateDirectories: false)
    let group = try ControlGroup()
    unshared = try Child(
      "sh",
      ["-c", "echo $$ > \"$1/cgroup.procs\" && shift && exec \"$@\"", "sh", group.path]
        + ["unshare", "--cgroup", "--pid", "--fork", "--kill-child", "--net", "--ipc", "--uts", "--mount"]
        + ["sh", "-c", Self.boot, "sh", directory, scratch.path, installed, root]
        + mounts.flatMap { [$0.value, $0.key] })
    scratch.atEnd { [unshared] in unshared.endNamespaces() }
    try eventually("systemd to start: \(unshared.error)") {
      guard unshared.isRunning else { throw Failure("no systemd: \(unshared.error)\n\(log)") }
      first = try children(of: unshared.pid).first ?? 0
      let name = try? String(contentsOfFile: "/proc/\(first)/comm", encoding: .utf8)
      return name == "systemd\n"
    }
    try eventually("the machine to be up: \(log)") {
      let state = try run("systemctl", "is-active", "tests.target", "systemd-journald.service").output
      return state == "active\nactive\n"
    }
  }

  /// What systemd says on the console.
  var log: String { (try? String(contentsOfFile: console, encoding: .utf8)) ?? "" }

  /// Runs a program in the machine, to its end.
  @discardableResult
  func run(_ program: String, _ arguments: String...) throws -> (status: Child.Status, output: String, error: String) {
    try run(program, arguments)
  }

  func run(_ program: String, _ arguments: [String]) throws -> (status: Child.Status, output: String, error: String) {
    let child = try start(program, arguments)
    let status = try child.wait()
    return (status, child.output, child.error)
  }

  /// Starts a program in the machine.
  func start(_ program: String, _ arguments: [String]) throws -> Child {
    try Child("nsenter", ["--target", "\(first)", "--all", "--", program] + arguments)
  }

  /// Starts a program with the files of the real machine, in this one's network.
  func startOutside(_ program: String, _ arguments: [String]) throws -> Child {
    try Child("nsenter", ["--target", "\(first)", "--net", "--", program] + arguments)
  }

  private let unshared: Child
  private let console: String
  private var first: pid_t = 0

  private static let boot = #"""
    set -e
    directory=$1 scratch=$2 installed=$3 original=$4
    shift 4
    root=$directory/root
    mount --make-rprivate /
    mount -t tmpfs tmpfs $directory/root
    mkdir $root/upper $root/work $root/root
    mount -t overlay -o lowerdir=$original,upperdir=$root/upper,workdir=$root/work overlay $root/root
    cd $root/root
    mount -t proc proc proc
    mount --bind proc/sys proc/sys
    mount -o remount,bind,ro proc/sys
    mount -t sysfs -o ro sysfs sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -t tmpfs -o mode=755 tmpfs run
    mount -t tmpfs -o mode=1777 tmpfs tmp
    mount -t tmpfs -o mode=755 tmpfs dev
    mkdir dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
    for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
    touch $directory/console dev/console
    mount --bind $directory/console dev/console
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    for number in 0:stdin 1:stdout 2:stderr; do ln -s /proc/self/fd/${number%:*} dev/${number#*:}; done
    # Targets want nothing of the real machine but what these tests ask for.
    for wants in usr/lib/systemd/system/*.wants etc/systemd/system; do mount -t tmpfs tmpfs $wants; done
    mkdir -p run/systemd/system .$scratch
    ln -s /dev/null run/systemd/system/systemd-journald-audit.socket
    cp -r $installed/. .
    printf '[Unit]\nRequires=basic.target\nWants=systemd-journald.service\n' > run/systemd/system/tests.target
    mount --bind $scratch .$scratch
    while [ $# -gt 0 ]; do
      mkdir -p .$2
      mount --bind $1 .$2
      shift 2
    done
    ip link set lo up
    mkdir .old
    pivot_root . .old
    umount -l .old
    # As systemd does it where it is not in a container: services see what is mounted later.
    mount --make-rshared /
    exec env -i container=tests PATH=/usr/sbin:/usr/bin:/sbin:/bin \
      /lib/systemd/systemd --system --unit=tests.target --show-status=no --log-target=console
    """#
}

/// A control group of the test's own, below the root of the second version's hierarchy. It is removed when the test ends.
private struct ControlGroup {
  let path: String

  init() throws {
    let mounts = try kernelFile("/proc/self/mounts").split(separator: "\n")
    let hierarchy = mounts.lazy.map { $0.split(separator: " ") }.first { $0[2] == "cgroup2" }
    guard let hierarchy else { throw Failure("no second version of control groups is mounted") }
    path = "\(hierarchy[1])/\(URL(filePath: Scratch.current.path).lastPathComponent)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    Scratch.current.atEnd { [self] in
      try? eventually("the control group to be empty", within: 5) {
        removeBelow(path)
        return rmdir(path)
      }
    }
  }

  private func removeBelow(_ path: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
      let below = "\(path)/\(name)"
      removeBelow(below)
      _ = rmdir(below)
    }
  }

  private func rmdir(_ path: String) -> Bool { unsafe Glibc.rmdir(path) == 0 }
}
