export { instance } from "@viz-js/viz";
