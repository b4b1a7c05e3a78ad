import Glibc
import Kernel
import Testing

@Suite struct ErrnoTests {
  @Test func `an error has the C library's text and its name`() {
    #expect("\(Errno.connectionRefused)" == "Connection refused (ECONNREFUSED)")
    #expect("\(Errno.wouldBlock)" == "Resource temporarily unavailable (EAGAIN)")
    #expect("\(Errno(EDQUOT))" == "Disk quota exceeded (EDQUOT)")
  }

  @Test func `a number that is none of an error is told as it is`() {
    #expect("\(Errno(4095))" == "error 4095")
    #expect("\(Errno(-1))" == "error -1")
  }
}
