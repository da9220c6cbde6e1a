// Lets the arrow keys, Enter and Space choose in an open list of dct's, which opens by keyboard but takes only clicks.
document.addEventListener("keydown", (event) => {
    const list = [...document.querySelectorAll(".dbt-popover-open")].find((each) => each.querySelector("[role=option]"));
    if (!list || event.ctrlKey || event.altKey || event.metaKey) return;
    const options = [...list.querySelectorAll("[role=option]")];
    const at = options.findIndex((option) => option.hasAttribute("data-boards-active"));
    const moves = {
        ArrowDown: Math.min(at + 1, options.length - 1),
        ArrowUp: Math.max(at - 1, 0),
        Home: 0,
        End: options.length - 1,
    };
    const chooses = (event.key === "Enter" || event.key === " ") && at >= 0;
    if (!(event.key in moves) && !chooses) return;
    event.preventDefault();
    event.stopPropagation();
    if (chooses) {
        options[at].click();
        return;
    }
    const next = options[moves[event.key]];
    options.forEach((option) => {
        option.toggleAttribute("data-boards-active", option === next);
        option.style.outline = option === next ? "2px solid #27477d" : "";
        option.style.outlineOffset = "-2px";
    });
    next.scrollIntoView({ block: "nearest" });
    document.querySelector("[role=combobox][aria-expanded=true]")?.setAttribute("aria-activedescendant", next.id);
}, true);
