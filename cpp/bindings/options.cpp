#include "options.hpp"

#include <algorithm>
#include <string>

#include "sharpwave/error.hpp"

namespace sharpwave::bindings {
namespace {

std::size_t leaf(const Leaves& obs, const std::string& key) {
  const std::string name = "obs['" + key + "']";
  const auto found = std::find_if(obs.fields.begin(), obs.fields.end(),
                                  [&](const Field& field) { return field.name == name; });
  if (found == obs.fields.end()) {
    throw InvalidValue(
        "hindsight: expected a Dict observation_space with the keys 'achieved_goal' and "
        "'desired_goal', as goal environments have; '" +
        key + "' is missing or no array");
  }
  return static_cast<std::size_t>(found - obs.fields.begin());
}

HindsightOptions::Strategy strategy(const std::string& name) {
  if (name == "future") return HindsightOptions::Strategy::kFuture;
  if (name == "final") return HindsightOptions::Strategy::kFinal;
  return HindsightOptions::Strategy::kEpisode;
}

}  // namespace

SamplerOptions sampler_options(const py::object& sampler) {
  using Kind = SamplerOptions::Kind;
  const auto kind = sampler.attr("kind").cast<std::string>();
  const auto number = [&](const char* name) { return sampler.attr(name).cast<double>(); };
  const auto is_by_buffer = [&] {
    return sampler.attr("normalize").cast<std::string>() == "buffer";
  };
  SamplerOptions options;
  if (kind == "prioritized") {
    using Normalize = Prioritized::Normalize;
    options.kind = Kind::kPrioritized;
    options.prioritized = {static_cast<float>(number("alpha")), static_cast<float>(number("eps")),
                           is_by_buffer() ? Normalize::kBuffer : Normalize::kBatch};
    options.eta = number("eta");
  }
  if (kind == "rank_prioritized") {
    using Normalize = RankPrioritized::Normalize;
    options.kind = Kind::kRankPrioritized;
    options.rank_prioritized = {static_cast<float>(number("alpha")),
                                is_by_buffer() ? Normalize::kBuffer : Normalize::kBatch};
    options.eta = number("eta");
  }
  if (kind == "without_replacement") options.kind = Kind::kWithoutReplacement;
  if (kind == "recency") {
    options.kind = Kind::kRecency;
    options.eta = number("eta");
    options.min_rows = sampler.attr("min_rows").cast<std::uint64_t>();
    options.updates = sampler.attr("updates").cast<std::uint64_t>();
  }
  return options;
}

std::optional<HindsightOptions> hindsight_options(const py::object& hindsight, const Leaves& obs) {
  if (hindsight.is_none()) return std::nullopt;
  const std::size_t achieved = leaf(obs, "achieved_goal");
  const std::size_t desired = leaf(obs, "desired_goal");
  const Field& from = obs.fields[achieved];
  const Field& to = obs.fields[desired];
  if (from.dtype != to.dtype || from.shape != to.shape || from.is_stack() || to.is_stack()) {
    throw InvalidValue(
        "hindsight: expected achieved_goal and desired_goal of one shape and dtype, stored whole");
  }
  const auto k = hindsight.attr("k").cast<double>();
  return HindsightOptions{strategy(hindsight.attr("strategy").cast<std::string>()), k / (k + 1.0),
                          achieved, desired};
}

}  // namespace sharpwave::bindings
