#include "sharpwave/stats.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>

namespace sharpwave {
namespace {

// The stored rows of some rings with their ages, the youngest first.
class ByAge {
 public:
  explicit ByAge(std::span<const Ring> rings) : rings_(rings) {
    for (const Ring& ring : rings) longest_ = std::max(longest_, ring.size());
    if (!rings.empty() && rings.front().is_reservoir()) sort();
  }

  // Calls visit(age, place) until it returns false.
  template <typename Visit>
  void each(Visit visit) const {
    for (const auto& [age, place] : sorted_) {
      if (!visit(age, place)) return;
    }
    if (!sorted_.empty()) return;
    for (std::size_t age = 0; age < longest_; ++age) {
      for (std::size_t e = 0; e < rings_.size(); ++e) {
        const Ring& ring = rings_[e];
        if (age >= ring.size()) continue;
        const std::size_t place = e * ring.capacity() + ring.slot(ring.size() - 1 - age);
        if (!visit(static_cast<std::int64_t>(age), place)) return;
      }
    }
  }

 private:
  void sort() {
    for (std::size_t e = 0; e < rings_.size(); ++e) {
      const Ring& ring = rings_[e];
      for (std::size_t slot = 0; slot < ring.size(); ++slot) {
        sorted_.emplace_back(ring.count() - 1 - ring.time(slot), e * ring.capacity() + slot);
      }
    }
    std::sort(sorted_.begin(), sorted_.end());
  }

  std::span<const Ring> rings_;
  std::size_t longest_ = 0;
  std::vector<std::pair<std::int64_t, std::size_t>> sorted_;  // of reservoirs
};

// `chance(place)` is in proportion to the probability that the row there is drawn.
template <typename Chance>
std::optional<Ages> ages_of(const ByAge& rows, Chance chance) {
  double total = 0.0;
  Ages ages{0.0, 0, 0};
  rows.each([&](std::int64_t age, std::size_t place) {
    const double each = chance(place);
    total += each;
    ages.mean += each * static_cast<double>(age);
    if (each > 0) ages.oldest = age;
    return true;
  });
  if (!(total > 0)) return std::nullopt;
  ages.mean /= total;
  double below = 0.0;
  rows.each([&](std::int64_t age, std::size_t place) {
    below += chance(place);
    ages.median = age;
    return below < total / 2;
  });
  return ages;
}

std::size_t rows_in(std::span<const Ring> rings) {
  std::size_t rows = 0;
  for (const Ring& ring : rings) rows += ring.size();
  return rows;
}

// How many different rows are expected in a batch.

double distinct_uniform(std::size_t rows, std::size_t batch_size) {
  const auto n = static_cast<double>(rows);
  return -n * std::expm1(static_cast<double>(batch_size) * std::log1p(-1.0 / n));
}

// The epoch's last rows come first; those of the epochs behind may be the same.
double distinct_each_once(std::size_t rows, std::size_t pending, std::size_t batch_size) {
  if (batch_size <= pending) return static_cast<double>(batch_size);
  const auto behind = static_cast<double>(std::min(batch_size - pending, rows));
  const auto n = static_cast<double>(rows);
  return static_cast<double>(pending) + behind * (n - static_cast<double>(pending)) / n;
}

// The chance that no draw falls on a row that reaches from `begin` to `end`, in parts of the sum of
// which each has one draw.
double chance_of_none(double begin, double end) {
  const double first = std::floor(begin);
  const double last = std::floor(end);
  if (first == last) return 1.0 - (end - begin);
  if (last - first > 1) return 0.0;
  return (begin - first) * (1.0 - (end - last));
}

double distinct_stratified(std::span<const float> priorities, double total,
                           std::size_t batch_size) {
  const double width = total / static_cast<double>(batch_size);
  double below = 0.0;
  double distinct = 0.0;
  for (const float priority : priorities) {
    const double begin = below / width;
    below += static_cast<double>(priority);
    if (priority > 0) distinct += 1.0 - chance_of_none(begin, below / width);
  }
  return distinct;
}

double share_of_duplicates(double distinct, std::size_t batch_size) {
  return std::clamp(1.0 - distinct / static_cast<double>(batch_size), 0.0, 1.0);
}

// Between powers of ten as float32 has them: an eps of 1e-6 is no smaller than 10^-6.
int decade_of(float priority) {
  const auto power = [](int k) { return static_cast<float>(std::pow(10.0, k)); };
  int k = static_cast<int>(std::floor(std::log10(static_cast<double>(priority))));
  while (power(k) > priority) --k;
  while (power(k + 1) <= priority) ++k;
  return k;
}

PriorityStats priority_stats(const ByAge& rows, std::span<const float> priorities) {
  PriorityStats stats{{}, 0, 0.0};
  double sum = 0.0;
  double squares = 0.0;
  rows.each([&](std::int64_t, std::size_t place) {
    const auto p = static_cast<double>(priorities[place]);
    sum += p;
    squares += p * p;
    if (p > 0) {
      ++stats.decades[decade_of(priorities[place])];
    } else {
      ++stats.zeros;
    }
    return true;
  });
  if (squares > 0) stats.effective_rows = sum * sum / squares;
  return stats;
}

// What each sampler would draw now.

struct Ask {
  std::span<const Ring> rings;
  std::size_t batch_size;
  Stats* out;

  void put_distinct(double distinct) const {
    if (batch_size != 0 && out->stored != 0)
      out->duplicates = share_of_duplicates(distinct, batch_size);
  }
};

void ask_equals(std::span<const Ring> from, const Ask& ask) {
  ask.out->ages = ages_of(ByAge(from), [](std::size_t) { return 1.0; });
}

void ask_sampler(const UniformChoice& /*chosen*/, const Ask& ask) {
  ask_equals(ask.rings, ask);
  ask.put_distinct(distinct_uniform(rows_in(ask.rings), ask.batch_size));
}

void ask_sampler(const WithoutReplacement& sampler, const Ask& ask) {
  ask_equals(ask.rings, ask);
  const WithoutReplacement::State state = sampler.state();
  ask.put_distinct(distinct_each_once(state.order.size(), state.pending, ask.batch_size));
}

void ask_sampler(const Recency& sampler, const Ask& ask) {
  if (ask.out->stored == 0) return;
  Recency copy = sampler;  // the phase does not go on for this
  Rng unused(0);
  const Uniform next = copy.next(unused, ask.rings);
  ask_equals(next.rings(), ask);
  ask.put_distinct(distinct_uniform(rows_in(next.rings()), ask.batch_size));
}

template <typename WithPriorities>
  requires requires(WithPriorities& sampler, std::span<float> out) { sampler.read(out); }
void ask_sampler(WithPriorities& sampler, const Ask& ask) {
  std::vector<float> priorities(sampler.size());
  sampler.read(priorities);
  const ByAge rows(ask.rings);
  const auto priority = [&](std::size_t place) { return static_cast<double>(priorities[place]); };
  ask.out->ages = ages_of(rows, priority);
  ask.out->priorities = priority_stats(rows, priorities);
  double total = 0.0;
  for (const float each : priorities) total += static_cast<double>(each);
  if constexpr (std::is_same_v<WithPriorities, RankPrioritized>) {
    // Its parts lie side by side in the order of ranks.
    std::sort(priorities.begin(), priorities.end(), std::greater<>());
  }
  if (total > 0) ask.put_distinct(distinct_stratified(priorities, total, ask.batch_size));
}

std::vector<Expense> expenses_of(const Schema& schema, const Transitions& transitions,
                                 const AnySampler& sampler) {
  const Table& table = transitions.table();
  const std::size_t rows = transitions.rings().size() * transitions.ring_capacity();
  std::vector<Expense> expenses;
  std::size_t row_bytes = sizeof(Meta);
  for (std::size_t f = 0; f < schema.fields().size(); ++f) {
    const std::size_t bytes = table.columns()[f].bytes;
    expenses.push_back({schema.fields()[f].name, rows * bytes});
    row_bytes += bytes;
  }
  for (const Transitions::Stacked& stacked : transitions.stacked()) {
    const std::string& name = schema.fields()[stacked.field].name;
    expenses.push_back({"frames of " + name, stacked.frames.size_bytes()});
  }
  expenses.push_back({"row flags", rows * sizeof(Meta)});
  expenses.push_back({"row padding", table.size_bytes() - rows * row_bytes});
  expenses.push_back({"side rows", transitions.side().size_bytes()});
  expenses.push_back({"episode table", transitions.episode_bytes()});
  expenses.push_back({"row names", transitions.name_bytes()});
  expenses.push_back({"the sampler", sampler_bytes(sampler)});
  return expenses;
}

}  // namespace

std::size_t sampler_bytes(const AnySampler& sampler) {
  return std::visit(
      [](const auto& chosen) -> std::size_t {
        if constexpr (requires { chosen.size_bytes(); }) {
          return chosen.size_bytes();
        } else {
          return 0;
        }
      },
      sampler);
}

Stats stats_of(const Schema& schema, const Transitions& transitions, AnySampler& sampler,
               std::size_t batch_size) {
  const std::span<const Ring> rings = transitions.rings();
  Stats stats{};
  stats.capacity = rings.size() * transitions.ring_capacity();
  stats.stored = transitions.size();
  for (const Ring& ring : rings) stats.added += ring.count();
  stats.episodes = transitions.episode_count();
  transitions.list(stats.blocks);
  std::visit(
      [&](auto& chosen) {
        if constexpr (requires { chosen.list(stats.blocks); }) chosen.list(stats.blocks);
        ask_sampler(chosen, {rings, batch_size, &stats});
      },
      sampler);
  stats.expenses = expenses_of(schema, transitions, sampler);  // asking may settle what was added
  return stats;
}

}  // namespace sharpwave
