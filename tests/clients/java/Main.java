import com.zerodhatech.kiteconnect.KiteConnect;
import com.zerodhatech.kiteconnect.Routes;
import com.zerodhatech.kiteconnect.kitehttp.exceptions.InputException;
import com.zerodhatech.kiteconnect.kitehttp.exceptions.TokenException;
import com.zerodhatech.models.*;
import com.zerodhatech.ticker.KiteTicker;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.*;
import java.util.concurrent.*;
import org.json.JSONObject;

/** The official Java client against a running kitesim; its addresses are private constants, set here by reflection. */
public class Main {
  static final String FUTURE = "NIFTY26DECFUT";

  static void expect(boolean is, String what, Object value) {
    if (!is) throw new AssertionError(what + ": " + value);
  }

  static void point(String field, String value) throws Exception {
    var address = Routes.class.getDeclaredField(field);
    address.setAccessible(true);
    address.set(null, value);
  }

  public static void main(String[] arguments) throws Throwable {
    try {
      drive(arguments[0]);
    } catch (Throwable error) {
      error.printStackTrace();
      System.exit(1);
    }
    System.out.println("java: held");
    System.exit(0);
  }

  static void drive(String root) throws Throwable {
    point("_rootUrl", root);
    point("_wsuri", root.replace("http", "ws") + "/?access_token=:access_token&api_key=:api_key");
    var request = HttpRequest.newBuilder(URI.create(root + "/sim/login")).version(HttpClient.Version.HTTP_1_1)
        .POST(HttpRequest.BodyPublishers.ofString("{\"user_id\": \"JV0001\"}")).build();
    var login = new JSONObject(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
    var kite = new KiteConnect(login.getString("api_key"));
    var user = kite.generateSession(login.getString("request_token"), login.getString("api_secret"));
    kite.setAccessToken(user.accessToken);
    kite.setPublicToken(user.publicToken);
    kite.setUserId(user.userId);
    expect(user.loginTime != null && user.userId.equals("JV0001"), "session", user);
    expect(kite.getProfile().broker.equals("ZERODHA"), "profile", null);
    expect(kite.getMargins("equity").net.equals(kite.getMargins().get("equity").net), "margins", null);

    Instrument future = kite.getInstruments("NFO").stream().filter(row -> row.tradingsymbol.equals(FUTURE)).findFirst().get();
    expect(future.lot_size == 65 && future.expiry != null, "instrument", future);
    var token = String.valueOf(future.instrument_token);
    Quote quote = kite.getQuote(new String[] {token, "NSE:NIFTY 50"}).get(token);
    expect(quote.depth.buy.get(0).getPrice() < quote.depth.sell.get(0).getPrice(), "quote", quote);
    expect(quote.lastTradedTime != null && quote.upperCircuitLimit > quote.lastPrice, "quote", quote);
    expect(kite.getOHLC(new String[] {"NSE:INFY"}).get("NSE:INFY").ohlc.close > 0, "ohlc", null);
    expect(kite.getLTP(new String[] {"408065"}).get("408065").lastPrice > 0, "ltp", null);
    var days = new GregorianCalendar(2026, Calendar.NOVEMBER, 16);
    var candles = kite.getHistoricalData(days.getTime(), new GregorianCalendar(2026, Calendar.NOVEMBER, 20).getTime(), token,
        "day", false, true);
    expect(candles.dataArrayList.size() == 5, "candles", candles.dataArrayList.size());

    var updates = new LinkedBlockingQueue<Order>();
    var ticks = new LinkedBlockingQueue<Tick>();
    var connected = new CountDownLatch(1);
    var ticker = new KiteTicker(kite.getAccessToken(), kite.getApiKey());
    var tokens = new ArrayList<>(List.of(256265L));
    ticker.setOnConnectedListener(() -> {
      ticker.subscribe(tokens);
      ticker.setMode(tokens, KiteTicker.modeFull);
      connected.countDown();
    });
    ticker.setOnOrderUpdateListener(updates::add);
    ticker.setOnTickerArrivalListener(ticks::addAll);
    ticker.connect();
    expect(connected.await(20, TimeUnit.SECONDS), "the stream did not connect", null);

    var order = new OrderParams();
    order.exchange = "NFO";
    order.tradingsymbol = FUTURE;
    order.transactionType = "BUY";
    order.quantity = 65;
    order.product = "NRML";
    order.orderType = "LIMIT";
    order.validity = "DAY";
    order.price = Math.floor(quote.lastPrice) - 300;
    order.tag = "JAVA1";
    var placed = kite.placeOrder(order, "regular");
    while (!last(kite, placed.orderId).status.equals("OPEN")) Thread.sleep(20);
    order.price -= 10;
    kite.modifyOrder(placed.orderId, order, "regular");
    Order update = updates.poll(20, TimeUnit.SECONDS);
    expect(update != null && update.status.equals("UPDATE") && update.tag.equals("JAVA1"), "update", update);
    kite.cancelOrder(placed.orderId, "regular");
    update = updates.poll(20, TimeUnit.SECONDS);
    expect(update != null && update.status.equals("CANCELLED"), "cancellation", update);
    order.price = quote.upperCircuitLimit;
    order.price = Math.floor(quote.lastPrice * 1.01);
    var bought = kite.placeOrder(order, "regular");
    while (!last(kite, bought.orderId).status.equals("COMPLETE")) Thread.sleep(20);
    expect(kite.getOrders().size() == 2, "orders", kite.getOrders().size());
    expect(kite.getTrades().size() == kite.getOrderTrades(bought.orderId).size(), "trades", null);
    expect(kite.getPositions().get("net").get(0).netQuantity == 65, "positions", null);
    expect(kite.getHoldings().isEmpty(), "holdings", null);
    kite.convertPosition(FUTURE, "NFO", "BUY", "day", "NRML", "MIS", 65);

    var margin = new MarginCalculationParams();
    margin.exchange = "NFO";
    margin.tradingSymbol = FUTURE;
    margin.transactionType = "BUY";
    margin.variety = "regular";
    margin.product = "NRML";
    margin.orderType = "LIMIT";
    margin.quantity = 65;
    margin.price = 24000;
    expect(kite.getMarginCalculation(List.of(margin)).get(0).total > 0, "margin", null);
    expect(kite.getCombinedMarginCalculation(List.of(margin), true, false).finalMargin.total > 0, "basket", null);

    order.tradingsymbol = "NOSUCH";
    try {
      kite.placeOrder(order, "regular");
      throw new AssertionError("nothing was refused");
    } catch (InputException refused) {
      expect(refused.code == 400, "refusal", refused.code);
    }
    Tick tick = ticks.poll(20, TimeUnit.SECONDS);
    expect(tick != null && tick.getInstrumentToken() == 256265L && tick.getLastTradedPrice() > 0, "tick", tick);
    ticker.disconnect();
    kite.invalidateAccessToken();
    try {
      kite.getProfile();
      throw new AssertionError("the session lives on");
    } catch (TokenException ended) {
      expect(ended.code == 403, "after logout", ended.code);
    }
  }

  static Order last(KiteConnect kite, String orderId) throws Throwable {
    var history = kite.getOrderHistory(orderId);
    return history.get(history.size() - 1);
  }
}
