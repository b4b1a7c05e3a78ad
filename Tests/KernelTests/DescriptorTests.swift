import Glibc
import Kernel
import Testing

@Suite struct DescriptorTests {
  @Test func `a descriptor closes its file at the end of its life`() {
    let (reading, writing) = makePipe()
    defer { close(reading) }
    do { _ = Descriptor(owning: writing) }
    #expect(readByte(reading) == 0)
  }

  @Test func `the standard descriptors that are closed are opened on the null device`() async {
    await #expect(processExitsWith: .success) {
      let other = FileIdentity(path: "/dev/null")
      close(0)
      close(2)
      let before = Descriptor.identity(of: 1)
      try Descriptor.openStandardDescriptors()
      #expect(Descriptor.identity(of: 0) == other)
      #expect(Descriptor.identity(of: 1) == before)
      #expect(Descriptor.identity(of: 2) == other)
      #expect(writeByte(2) == 1)
    }
  }

  @Test(.enabled(if: isRoot)) func `without a null device the standard descriptors are opened all the same`() async {
    let folder = TemporaryDirectory()
    await #expect(processExitsWith: .success) { [path = folder.path as String] in
      require(unsafe chroot(path))
      for number: Int32 in 0...2 { close(number) }
      try Descriptor.openStandardDescriptors()
      for number: Int32 in 0...2 {
        #expect(Descriptor.isOpen(number))
        #expect(writeByte(number) < 0)
      }
    }
  }

  @Test func `a number can be made to stand for the null device`() throws {
    let (reading, writing) = makePipe()
    defer { close(reading) }
    let descriptor = Descriptor(owning: writing)
    try Descriptor.replace(descriptor.number)
    let identity = Descriptor.identity(of: writing)
    #expect(identity == FileIdentity(path: "/dev/null"))
    #expect(readByte(reading) == 0)
  }

  @Test func `a duplicate is another descriptor of the same file, and not for programs that are started`() throws {
    let (reading, writing) = makePipe()
    let original = Descriptor(owning: reading)
    let copy = Descriptor(owning: try Descriptor.duplicate(original.number))
    close(writing)
    let (first, second) = (original.number, copy.number)
    #expect(second >= 3 && second != first)
    #expect(Descriptor.identity(of: second) == Descriptor.identity(of: first))
    #expect(failure { () throws(Errno) in _ = try Descriptor.duplicate(-1) } == Errno(EBADF))
  }

  @Test func `only a number of an open file is open`() {
    let (reading, writing) = makePipe()
    let descriptor = Descriptor(owning: reading)
    close(writing)
    let number = descriptor.number
    #expect(Descriptor.isOpen(number))
    #expect(!Descriptor.isOpen(-1))
    #expect(!Descriptor.isOpen(1 << 30))
    #expect(Descriptor.identity(of: -1) == nil)
  }

  @Test func `a path stands for the link itself, not for what it leads to`() {
    let folder = TemporaryDirectory()
    let file = FileIdentity(path: folder.makeFile("file"))
    let link = FileIdentity(path: folder.makeLink("link", to: "file"))
    #expect(file != nil && link != nil && file != link)
    #expect(FileIdentity(path: folder.path("missing")) == nil)
    require(unsafe Glibc.link(folder.path("file"), folder.path("other")))
    #expect(FileIdentity(path: folder.path("other")) == file)
  }
}
