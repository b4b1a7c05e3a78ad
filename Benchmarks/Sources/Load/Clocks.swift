import CBench
import Glibc

/// Nanoseconds of the monotonic clock.
@inline(__always)
public func now() -> UInt64 {
  nanoseconds(CLOCK_MONOTONIC)
}

/// Nanoseconds that the calling thread has spent on a processor.
func ownProcessorTime() -> UInt64 {
  nanoseconds(CLOCK_THREAD_CPUTIME_ID)
}

/// Nanoseconds that a process with all its threads has spent on processors, as precise as the scheduler counts.
public func processorTime(of process: Int32) throws(Failure) -> UInt64 {
  var clock = clockid_t()
  let failed = clock_getcpuclockid(process, &clock)
  if failed != 0 { throw .of("the processor time of process \(process)", failed) }
  return nanoseconds(clock)
}

public func pause(seconds: Double) throws(Failure) {
  usleep(UInt32(seconds * 1e6))
  try checkInterruption()
}

@inline(__always)
private func nanoseconds(_ clock: clockid_t) -> UInt64 {
  var time = timespec()
  clock_gettime(clock, &time)
  return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}
