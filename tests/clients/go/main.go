// The official Go client, unmodified, against a running kitesim: every value that is checked here is checked by it.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	kiteconnect "github.com/zerodha/gokiteconnect/v4"
	"github.com/zerodha/gokiteconnect/v4/models"
	kiteticker "github.com/zerodha/gokiteconnect/v4/ticker"
)

const future = "NIFTY26DECFUT"

func must[T any](value T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("%T: %v", value, err))
	}
	return value
}

func expect(is bool, what string, values ...any) {
	if !is {
		panic(what + ": " + fmt.Sprint(values...))
	}
}

func main() {
	root := os.Args[1]
	body, _ := json.Marshal(map[string]string{"user_id": "GO0001"})
	reply := must(http.Post(root+"/sim/login", "application/json", bytes.NewReader(body)))
	var login struct {
		Key    string `json:"api_key"`
		Secret string `json:"api_secret"`
		Token  string `json:"request_token"`
	}
	must(0, json.NewDecoder(reply.Body).Decode(&login))

	kite := kiteconnect.New(login.Key)
	kite.SetBaseURI(root)
	session := must(kite.GenerateSession(login.Token, login.Secret))
	expect(session.UserID == "GO0001" && !session.LoginTime.IsZero(), "session", session)
	expect(must(kite.GetUserProfile()).UserID == "GO0001", "profile")
	expect(must(kite.GetFullUserProfile()).TwoFAType == "totp", "full profile")
	cash := must(kite.GetUserMargins()).Equity.Available.Cash
	expect(cash == must(kite.GetUserSegmentMargins("equity")).Available.Cash, "margins", cash)

	index := market(kite)
	ticks, updates := make(chan models.Tick, 1000), make(chan kiteconnect.Order, 100)
	ticker := listen(root, login.Key, session.AccessToken, index, ticks, updates)
	orders(kite, updates)
	portfolio(kite)
	triggers(kite)
	calculators(kite)
	_, err := kite.PlaceOrder("regular", kiteconnect.OrderParams{Exchange: "NFO", Tradingsymbol: "NOSUCH"})
	refusal, ok := err.(kiteconnect.Error)
	expect(ok && refusal.ErrorType == kiteconnect.InputError && refusal.Code == 400, "refusal", err)

	select {
	case tick := <-ticks:
		expect(tick.InstrumentToken == uint32(index) && tick.Mode == "full", "tick", tick)
		expect(tick.OHLC.Low <= tick.LastPrice && tick.LastPrice <= tick.OHLC.High, "tick's day", tick)
	case <-time.After(10 * time.Second):
		panic("no tick")
	}
	ticker.Stop()
	expect(must(kite.InvalidateAccessToken()), "logout")
	_, err = kite.GetUserProfile()
	refusal, ok = err.(kiteconnect.Error)
	expect(ok && refusal.ErrorType == kiteconnect.TokenError, "after logout", err)
	fmt.Println("go: held")
}

func market(kite *kiteconnect.Client) int {
	all := must(kite.GetInstruments())
	token, index := 0, 0
	for _, row := range all {
		if row.Tradingsymbol == future {
			token = row.InstrumentToken
			expect(row.LotSize == 65 && row.Expiry.Day() == 29, "instrument", row)
		}
		if row.Tradingsymbol == "NIFTY 50" {
			index = row.InstrumentToken
		}
	}
	expect(len(must(kite.GetInstrumentsByExchange("NFO"))) < len(all), "instruments of an exchange")
	quote := must(kite.GetQuote("NFO:"+future, "NSE:NIFTY 50"))["NFO:"+future]
	expect(quote.InstrumentToken == token && quote.Depth.Buy[0].Price < quote.Depth.Sell[0].Price, "quote", quote)
	expect(!quote.LastTradeTime.IsZero(), "last trade", quote)
	expect(must(kite.GetLTP("NSE:INFY"))["NSE:INFY"].LastPrice > 0, "ltp")
	expect(must(kite.GetOHLC("NSE:INFY"))["NSE:INFY"].OHLC.Close > 0, "ohlc")
	from := time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)
	candles := must(kite.GetHistoricalData(token, "day", from, from.AddDate(0, 0, 4), false, true))
	expect(len(candles) == 5 && candles[0].High >= candles[0].Low && candles[0].OI > 0, "candles", candles)
	return index
}

func listen(root, key, token string, index int, ticks chan models.Tick, updates chan kiteconnect.Order) *kiteticker.Ticker {
	ticker := kiteticker.New(key, token)
	address := must(url.Parse("ws" + root[len("http"):]))
	ticker.SetRootURL(*address)
	connected := make(chan bool, 1)
	ticker.OnConnect(func() {
		must(0, ticker.Subscribe([]uint32{uint32(index)}))
		must(0, ticker.SetMode(kiteticker.ModeFull, []uint32{uint32(index)}))
		connected <- true
	})
	ticker.OnTick(func(tick models.Tick) {
		if tick.Mode == "full" {
			select {
			case ticks <- tick:
			default:
			}
		}
	})
	ticker.OnOrderUpdate(func(order kiteconnect.Order) { updates <- order })
	go ticker.Serve()
	select {
	case <-connected:
	case <-time.After(10 * time.Second):
		panic("the stream did not connect")
	}
	return ticker
}

func orders(kite *kiteconnect.Client, updates chan kiteconnect.Order) {
	last := must(kite.GetLTP("NFO:" + future))["NFO:"+future].LastPrice
	low := float64(int(last) - 300)
	params := kiteconnect.OrderParams{Exchange: "NFO", Tradingsymbol: future, TransactionType: "BUY", Quantity: 65, Product: "NRML",
		OrderType: "LIMIT", Validity: "DAY", Price: low, Tag: "GO1"}
	placed := must(kite.PlaceOrder("regular", params))
	for history := must(kite.GetOrderHistory(placed.OrderID)); history[len(history)-1].Status != "OPEN"; {
		time.Sleep(20 * time.Millisecond)
		history = must(kite.GetOrderHistory(placed.OrderID))
	}
	must(kite.ModifyOrder("regular", placed.OrderID, kiteconnect.OrderParams{Price: low - 10}))
	update := <-updates
	expect(update.Status == "UPDATE" && update.Price == low-10 && update.Tag == "GO1", "update", update)
	must(kite.CancelOrder("regular", placed.OrderID, nil))
	update = <-updates
	expect(update.Status == "CANCELLED", "cancellation", update)
	params.OrderType, params.Price, params.MarketProtection = "MARKET", 0, kiteconnect.MarketProtectionAuto
	bought := must(kite.PlaceOrder("regular", params))
	update = <-updates
	expect(update.Status == "COMPLETE" && update.FilledQuantity == 65, "fill", update)
	book := must(kite.GetOrders())
	expect(len(book) == 2 && book[1].OrderID == bought.OrderID && !book[1].ExchangeTimestamp.IsZero(), "book", book)
	expect(len(must(kite.GetTrades())) == len(must(kite.GetOrderTrades(bought.OrderID))), "trades")
	params.OrderType, params.Price, params.MarketProtection, params.Quantity, params.Autoslice = "LIMIT", low, 0, 1755+65, true
	sliced := must(kite.PlaceOrder("regular", params))
	expect(len(sliced.Children) == 1 && sliced.Children[0].OrderID != "", "slices", sliced)
}

func portfolio(kite *kiteconnect.Client) {
	positions := must(kite.GetPositions())
	expect(len(positions.Net) == 1 && positions.Net[0].Quantity == 65, "positions", positions)
	expect(must(kite.ConvertPosition(kiteconnect.ConvertPositionParams{Exchange: "NFO", TradingSymbol: future, OldProduct: "NRML",
		NewProduct: "MIS", PositionType: "day", TransactionType: "BUY", Quantity: 65})), "conversion")
	expect(len(must(kite.GetHoldings())) == 0, "holdings")
	must(kite.GetHoldingsSummary())
	expect(len(must(kite.GetAuctionInstruments())) == 0, "auctions")
}

func triggers(kite *kiteconnect.Client) {
	last := must(kite.GetLTP("NSE:INFY"))["NSE:INFY"].LastPrice
	params := kiteconnect.GTTParams{Tradingsymbol: "INFY", Exchange: "NSE", LastPrice: last, TransactionType: "SELL", Product: "CNC",
		Trigger: &kiteconnect.GTTSingleLegTrigger{TriggerParams: kiteconnect.TriggerParams{
			TriggerValue: float64(int(last) + 50), LimitPrice: float64(int(last) + 50), Quantity: 1}}}
	placed := must(kite.PlaceGTT(params))
	must(kite.ModifyGTT(placed.TriggerID, params))
	gtt := must(kite.GetGTT(placed.TriggerID))
	expect(gtt.Status == "active" && !gtt.ExpiresAt.IsZero() && gtt.Orders[0].Quantity == 1, "gtt", gtt)
	must(kite.DeleteGTT(placed.TriggerID))
	expect(must(kite.GetGTTs())[0].Status == "deleted", "deleted gtt")
}

func calculators(kite *kiteconnect.Client) {
	order := kiteconnect.OrderMarginParam{Exchange: "NFO", Tradingsymbol: future, TransactionType: "BUY", Variety: "regular",
		Product: "NRML", OrderType: "LIMIT", Quantity: 65, Price: 24000}
	margin := must(kite.GetOrderMargins(kiteconnect.GetMarginParams{OrderParams: []kiteconnect.OrderMarginParam{order}}))[0]
	expect(margin.Total == margin.Exposure && margin.Charges.Brokerage == 20, "margin", margin)
	basket := must(kite.GetBasketMargins(kiteconnect.GetBasketParams{OrderParams: []kiteconnect.OrderMarginParam{order}, Compact: true}))
	expect(basket.Final.Total > 0, "basket", basket)
	charge := kiteconnect.OrderChargesParam{OrderID: "1", Exchange: "NFO", Tradingsymbol: future, TransactionType: "SELL",
		Variety: "regular", Product: "NRML", OrderType: "LIMIT", Quantity: 65, AveragePrice: 24000}
	note := must(kite.GetOrderCharges(kiteconnect.GetChargesParams{OrderParams: []kiteconnect.OrderChargesParam{charge}}))[0]
	expect(note.Charges.TransactionTax == 780, "contract note", note)
}
