import CLinux
import Glibc

/// Who may do what with a file beyond what its mode says (acl(5)).
package struct AccessList: Sendable {
  /// Whom an entry is for, of those whom the mask limits.
  package enum Subject: Equatable, Sendable {
    case user(UserID)
    case owningGroup
    case group(GroupID)
  }

  /// Three bits: to read (4), to write (2), and to execute or search (1).
  package typealias Permissions = UInt16

  package let entries: [(subject: Subject, permissions: Permissions)]
  /// What these entries give at the most.
  package let mask: Permissions

  /// Of the open file, also where it was opened with `O_PATH`; nil if it has none, or if that cannot be found out. The
  /// corresponding C function is `getxattr` with `system.posix_acl_access`, by way of `/proc/self/fd`.
  init?(of number: Int32) {
    let path = "/proc/self/fd/\(number)"
    let size = unsafe getxattr(path, Self.attribute, nil, 0)
    guard size > 0 else { return nil }
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = unsafe max(0, getxattr(path, Self.attribute, buffer.baseAddress, buffer.count))
    }
    self.init(bytes)
  }

  /// From the bytes of the attribute, as `linux/posix_acl_xattr.h` declares them: a version and entries, little-endian.
  init?(_ bytes: [UInt8]) {
    func number(at offset: Int, _ length: Int) -> UInt32 {
      bytes[offset..<offset + length].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
    guard bytes.count >= 4, bytes.count % 8 == 4, number(at: 0, 4) == UInt32(POSIX_ACL_XATTR_VERSION) else {
      return nil
    }
    var entries: [(Subject, Permissions)] = []
    var mask: Permissions?
    for offset in stride(from: 4, to: bytes.count, by: 8) {
      let permissions = Permissions(number(at: offset + 2, 2))
      let id = number(at: offset + 4, 4)
      switch Int32(number(at: offset, 2)) {
      case ACL_USER: entries.append((.user(id), permissions))
      case ACL_GROUP_OBJ: entries.append((.owningGroup, permissions))
      case ACL_GROUP: entries.append((.group(id), permissions))
      case ACL_MASK: mask = permissions
      case ACL_USER_OBJ, ACL_OTHER: break
      default: return nil
      }
    }
    // Without one the mode says all.
    guard let mask else { return nil }
    self.entries = entries
    self.mask = mask
  }

  private static let attribute = "system.posix_acl_access"
}

extension Directory {
  package var accessList: AccessList? { AccessList(of: number) }
}
