
// The rest of the test: what a user would do next.
const expect = (is, what, value) => {
  if (!is) throw new Error(`${what}: ${JSON.stringify(value)}`);
};
const limit = setTimeout(() => { throw new Error("it took too long"); }, 60000);
const once = (name) => new Promise((resolve) => ticker.on(name, resolve));
ticker.on("error", (error) => { throw new Error(`stream: ${error?.message}`); });
const instruments = await kite.getInstruments("NFO");
const future = instruments.find((row) => row.tradingsymbol === "NIFTY26DECFUT");
expect(future.lot_size === 65, "instrument", future);
const quote = (await kite.getQuote(["NFO:NIFTY26DECFUT"]))["NFO:NIFTY26DECFUT"];
expect(quote.depth.buy[0].price < quote.depth.sell[0].price, "quote", quote);
const candles = await kite.getHistoricalData(256265, "day", "2026-11-16 00:00:00", "2026-11-20 00:00:00");
expect(candles.length === 5, "candles", candles);
const connected = once("connect");
ticker.connect();
await connected;
ticker.subscribe([256265]);
ticker.setMode(ticker.modeFull, [256265]);
const ticks = await once("ticks");
expect(ticks[0].instrument_token === 256265, "ticks", ticks);
const updated = once("order_update");
const order = {exchange: "NFO", tradingsymbol: "NIFTY26DECFUT", transaction_type: "BUY", quantity: 65, product: "NRML"};
const placed = await kite.placeOrder("regular", {...order, order_type: "MARKET", market_protection: -1, tag: "JS1"});
const update = await updated;
expect(update.order_id === placed.order_id && update.status === "COMPLETE" && update.tag === "JS1", "update", update);
expect((await kite.getPositions()).net[0].quantity === 65, "positions");
expect((await kite.getOrders())[0].order_id === placed.order_id, "orders");
expect((await kite.getOrderHistory(placed.order_id)).at(-1).status === "COMPLETE", "history");
const refused = await kite.placeOrder("regular", {...order, order_type: "MARKET"}).catch((error) => error);
expect(refused.error_type === "InputException", "refusal", refused);
const low = Math.floor(quote.last_price) - 300;
const gtt = await kite.placeGTT({trigger_type: kite.GTT_TYPE_SINGLE, tradingsymbol: "NIFTY26DECFUT", exchange: "NFO",
  trigger_values: [low], last_price: quote.last_price, orders: [{...order, order_type: "LIMIT", price: low}]});
expect((await kite.getGTT(gtt.trigger_id)).status === "active", "gtt", gtt);
const margins = await kite.orderMargins([{...order, variety: "regular", order_type: "LIMIT", price: 24000}]);
expect(margins[0].total > 0, "margins", margins);
ticker.disconnect();
clearTimeout(limit);
console.log("javascript: held");
process.exit(0);
