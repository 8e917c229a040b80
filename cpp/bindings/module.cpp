// Table of contents.

#include "bindings.hpp"
#include "errors.hpp"

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  m.doc() = "The compiled part of sharpwave; use it through the package.";
  sharpwave::bindings::register_errors();
  sharpwave::bindings::bind_replay_buffer(m);
  sharpwave::bindings::bind_prefetch(m);
  sharpwave::bindings::bind_td(m);
  sharpwave::bindings::bind_q_table(m);
  sharpwave::bindings::bind_mlp(m);
  sharpwave::bindings::bind_actor_critic(m);
  sharpwave::bindings::bind_columns(m);
  sharpwave::bindings::bind_sum_tree(m);
  sharpwave::bindings::bind_tensors(m);
  sharpwave::bindings::bind_build_info(m);
}
