#include "sharpwave/ring.hpp"

namespace sharpwave {

void Ring::push() {
  head_ = head_ + 1 == capacity_ ? 0 : head_ + 1;
  ++count_;
  if (full()) {
    first_ = head_;
  } else {
    ++size_;
  }
}

void Ring::clear() {
  size_ = 0;
  head_ = 0;
  first_ = 0;
}

}  // namespace sharpwave
