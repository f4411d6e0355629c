import inner from "inner.js";

const groups = [{"name":"api","key":"api api-1 api-2 api-3 api-spare","servers":["api-1","api-2","api-3","api-spare"],"spares":["api-spare"],"addresses":{"api-1":"api-1:5000","api-2":"api-2:5001","api-3":"api-3:5002","api-spare":"api-spare:4999"},"health":"/health"}];

export default {
  tick: () => inner.tick(groups),
  metrics: (r) => inner.metrics(r, groups),
  control: (r) => inner.control(r, groups),
};
