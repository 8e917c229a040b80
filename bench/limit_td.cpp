// The bare loop of td.target() and td.double_target(): sixteen rows in a vector, sorted out by
// shuffles, no Python.
//
// Neighbouring actions meet first, which halves their number; compiled beside limit.cpp by
// limit.py.

#include <cstdint>
#include <cstring>

namespace {

constexpr int kLanes = 16;
typedef float Floats __attribute__((vector_size(4 * kLanes)));
typedef std::int32_t Ints __attribute__((vector_size(4 * kLanes)));

// lane[a][v]: where the lanes of action a come from, once vector v of the rows' values has been
// mixed in: below kLanes from what there is, from kLanes on out of vector v.
template <int Actions>
struct Shuffles {
  alignas(64) std::int32_t lane[Actions][Actions][kLanes];

  constexpr Shuffles() : lane{} {
    for (int a = 0; a < Actions; ++a)
      for (int v = 1; v < Actions; ++v)
        for (int row = 0; row < kLanes; ++row) {
          const int at = row * Actions + a;
          lane[a][v][row] = at / kLanes == v        ? kLanes + at % kLanes
                            : at < kLanes && v == 1 ? at
                                                    : row;
        }
  }
};

Floats shuffled(Floats first, Floats second, const std::int32_t* lanes) {
  Ints from;
  std::memcpy(&from, lanes, sizeof from);
  return __builtin_shuffle(first, second, from);
}

template <int Actions>
Floats action(const Floats* rows, int a) {
  static constexpr Shuffles<Actions> shuffles;
  Floats of = rows[0];
  for (int v = 1; v < Actions; ++v) of = shuffled(of, rows[v], shuffles.lane[a][v]);
  return of;
}

// The better action's value, the first's where they are equal.
template <bool Double>
void keep(Floats& q, Floats& value, Floats rival_q, Floats rival_value) {
  value = rival_q > q ? rival_value : value;
  q = Double ? (rival_q > q ? rival_q : q) : value;
}

// The best action's value in each of kLanes rows, from as many vectors as there are actions:
// neighbours meet first, which halves the actions, and an odd number is sorted out action by
// action.
template <int Actions, bool Double>
Floats best(Floats* q, Floats* values) {
  if constexpr (Actions == 1) {
    return values[0];
  } else if constexpr (Actions % 2 == 0) {
    static constexpr Shuffles<2> pairs;
    const auto half = [](const Floats* of, int a) {
      return shuffled(of[0], of[1], pairs.lane[a][1]);
    };
    for (int v = 0; v < Actions; v += 2) {
      Floats better = half(q + v, 0), value = Double ? half(values + v, 0) : better;
      const Floats rival = half(q + v, 1);
      keep<Double>(better, value, rival, Double ? half(values + v, 1) : rival);
      q[v / 2] = better, values[v / 2] = value;
    }
    return best<Actions / 2, Double>(q, values);
  } else {
    Floats better = action<Actions>(q, 0), value = Double ? action<Actions>(values, 0) : better;
    for (int a = 1; a < Actions; ++a) {
      const Floats rival = action<Actions>(q, a);
      keep<Double>(better, value, rival, Double ? action<Actions>(values, a) : rival);
    }
    return value;
  }
}

// target is not read for the plain target. Whole blocks of kLanes rows.
template <int Actions, bool Double>
[[gnu::noinline]] void td_target(const float* reward, const float* discount, const float* online,
                                 const float* target, float* out, std::int64_t batch) {
  for (std::int64_t i = 0; i < batch; i += kLanes) {
    Floats q[Actions], values[Actions], r, d;
    std::memcpy(q, online + i * Actions, sizeof q);
    std::memcpy(values, (Double ? target : online) + i * Actions, sizeof values);
    std::memcpy(&r, reward + i, sizeof r);
    std::memcpy(&d, discount + i, sizeof d);
    r += d * best<Actions, Double>(q, values);
    std::memcpy(out + i, &r, sizeof r);
  }
}

using Target = decltype(&td_target<2, false>);
constexpr Target kTarget[] = {td_target<2, false>, td_target<3, false>, td_target<4, false>,
                              td_target<5, false>, td_target<6, false>};
constexpr Target kDoubleTarget[] = {td_target<2, true>, td_target<3, true>, td_target<4, true>,
                                    td_target<5, true>, td_target<6, true>};

}  // namespace

extern "C" {

// next_q_target is null for the plain target. From 2 to 6 actions, and a multiple of 16 rows.
void limit_target(const float* reward, const float* discount, const float* next_q,
                  const float* next_q_target, float* out, std::int64_t batch, std::int64_t actions,
                  std::int64_t calls) {
  const Target run = (next_q_target == nullptr ? kTarget : kDoubleTarget)[actions - 2];
  for (std::int64_t call = 0; call < calls; ++call)
    run(reward, discount, next_q, next_q_target, out, batch);
}
}
