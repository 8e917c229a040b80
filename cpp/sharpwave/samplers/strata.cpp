#include "sharpwave/samplers/strata.hpp"

namespace sharpwave {

void Strata::descend_until(std::size_t end, Rng& rng) {
  Rng own = rng;  // nothing else can point to a copy: it stays in registers
  for (std::size_t i = descended_; i < end; ++i) {
    const double part = static_cast<double>(own.next() >> 11) * 0x1p-53;
    mass_[i] = (static_cast<double>(i) + part) * width_;
  }
  rng = own;
  const std::size_t count = end - descended_;
  tree_.descend(mass_.subspan(descended_, count), out_.places.subspan(descended_, count));
  descended_ = end;
}

}  // namespace sharpwave
