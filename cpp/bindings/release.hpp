#pragma once
// When a call gives other threads the interpreter, and how it gets it back.

#include <pybind11/pybind11.h>

#include <chrono>
#include <cstddef>
#include <thread>

#include "buffer.hpp"

namespace sharpwave::bindings {

// The interpreter is others' while this lives.
//
// A daemon thread that wants it back while the process ends never gets it. Python before 3.14 ends
// such a thread by unwinding its stack, which would run the destructors of Python objects without
// the GIL, and abort at the first function that may not throw; so the thread is kept still here
// until the process is gone, as 3.14 does itself.
class Released {
 public:
  explicit Released(bool is_released = true)
      : state_(is_released ? PyEval_SaveThread() : nullptr) {}
  ~Released() {
    if (state_ == nullptr) return;
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      while (true) std::this_thread::sleep_for(std::chrono::hours(1));
    }
  }
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;
  Released(Released&&) = delete;
  Released& operator=(Released&&) = delete;

 private:
  PyThreadState* state_;
};

// Lets other threads have the interpreter where the work is worth it, and where there is a lock to
// wait for: whoever has it may need the interpreter before giving it up (os.fork's hooks do).
// Without a GIL, letting go costs next to nothing and a fork stops every thread that has not.
class ReleaseIfWorth {
 public:
  // A walk through the tree of priorities takes as long as copying so many bytes.
  static constexpr std::size_t kWalk = 128;

  ReleaseIfWorth(const Buffer& buffer, std::size_t bytes)
      : released_(kNoGil || bytes > kReleaseAbove || buffer.core.is_busy()) {}
  ReleaseIfWorth(const Buffer& buffer, const BatchLayout& layout)
      : ReleaseIfWorth(
            buffer,
            layout.bytes + (layout.options.has_weight ? layout.options.samples * kWalk : 0)) {}

 private:
  // About 10 microseconds of work, a hundred times what letting go and taking back cost alone; with
  // another thread at work, taking back can cost that one's turn of 5 milliseconds.
  static constexpr std::size_t kReleaseAbove = std::size_t{64} << 10;
#ifdef Py_GIL_DISABLED
  static constexpr bool kNoGil = true;
#else
  static constexpr bool kNoGil = false;
#endif

  Released released_;
};

}  // namespace sharpwave::bindings
