// Adam's loop, included by kernels.inl: a root and two quotients a parameter, which wide vectors
// compute to the same bits in a third of the time.

inline void adam(const AdamLoop& loop) {
  const AdamLoop of = loop;  // what is written may not be what is read
  float* const SHARPWAVE_RESTRICT value = of.value;
  float* const SHARPWAVE_RESTRICT gradient = of.gradient;
  float* const SHARPWAVE_RESTRICT m = of.m;
  float* const SHARPWAVE_RESTRICT v = of.v;
  for (std::size_t i = 0; i < of.count; ++i) {
    const float g = gradient[i] * of.scale;
    gradient[i] = g;
    m[i] = m[i] + of.first * (g - m[i]);
    v[i] = v[i] * of.beta2 + of.second * g * g;
    value[i] = value[i] - of.step_size * m[i] / (__builtin_sqrtf(v[i]) / of.root + of.eps);
  }
}
