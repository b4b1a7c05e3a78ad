/// The headers of a program (elf(5)), of a machine with 64 bits.
struct Image {
  /// The processor, with its byte order and the width of its addresses.
  let machine: [UInt8]
  /// The dynamic linker that it asks for; nil if it is linked statically.
  let linker: Linker?

  struct Linker {
    let path: String
    /// Tells the C library: `ld-linux-x86-64.so.2`, `ld-musl-x86_64.so.1`.
    var name: Substring { path.split(separator: "/").last ?? "" }
  }

  /// Nil for what is no program.
  ///
  /// - Parameter bytes: the first ones of the file, with the linker's path.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 64, bytes.starts(with: [0x7f] + Array("ELF".utf8)) else { return nil }
    // EI_CLASS and EI_DATA, e_machine.
    machine = Array(bytes[4..<6]) + bytes[18..<20]
    let isWideAndLittle = bytes[4] == 2 && bytes[5] == 1
    guard isWideAndLittle else {
      linker = nil
      return
    }
    func number(_ place: Int, _ width: Int) -> Int {
      guard place >= 0, place + width <= bytes.count else { return 0 }
      return Int(truncatingIfNeeded: bytes[place..<place + width].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
    // e_phoff, e_phentsize, e_phnum.
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2))
    var found: Linker?
    for index in 0..<count {
      let (header, isThere) = table.addingReportingOverflow(index * size)
      guard !isThere, number(header, 4) == Self.interpreter else { continue }
      // p_offset, p_filesz.
      let (start, length) = (number(header + 8, 8), number(header + 32, 8))
      guard start >= 0, length > 0, start <= bytes.count, length <= bytes.count - start else { continue }
      let path = bytes[start..<start + length].prefix { $0 != 0 }
      found = Linker(path: String(decoding: path, as: UTF8.self))
    }
    linker = found
  }

  /// `PT_INTERP`.
  private static let interpreter = 3
}
